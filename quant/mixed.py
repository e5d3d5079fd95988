"""A mixed precision: which modules to keep at more bits so that a model stays within a size."""

from collections.abc import Mapping, Sequence
from math import ceil, gcd
from typing import NamedTuple

from ..datasets.errors import ConfigError
from .recipes import Keep, Recipe
from .sensitivity import Module

_FULL_BITS = 16
_FUSED = {"q": "qkv", "k": "qkv", "v": "qkv", "gate": "gate_up", "up": "gate_up"}
"""Kinds that servers such as vLLM compute as one layer, which has one scheme."""


class Unit(NamedTuple):
    """Modules that are kept together or not at all."""

    names: tuple[str, ...]
    weights: int
    value: float
    """What keeping them brings."""


def mixed_recipe(
    base: Recipe,
    modules: Sequence[Module],
    values: Mapping[str, float],
    budget: float,
    *,
    bits: int = 8,
    fused: bool = True,
) -> Recipe:
    """Keep those modules at more bits that bring the most within a budget.

    Args:
        base: How the others are quantized.
        modules: All linear layers of the decoder.
        values: What keeping each module brings, by name; of several together the sum is taken.
        budget: Bits per weight over all of `modules`, the scales' share counted.
        bits: Of the kept modules: 8 (in the groups of `base`) or 16 (left as they are).
        fused: Keep together what servers compute together.

    Raises:
        ConfigError: If the budget is below the size of `base`, or too small for any module of value.
    """
    if bits not in (8, _FULL_BITS):
        raise ConfigError(f"keep: {bits} bits", hint="Keep modules at 8 or 16 bits.")
    if base.keep is not None or base.ignore != ("lm_head",):
        raise ConfigError(
            f"{base.name}: keeps or leaves out layers already", hint="Start from a uniform recipe."
        )
    if budget < base.bits_per_weight:
        raise ConfigError(
            f"budget: {budget:g} bits per weight; {base.name} itself has {base.bits_per_weight:g}",
            hint=f"Give more than {base.bits_per_weight:g}, or start from fewer bits or larger groups.",
        )
    kept = Keep(layers=("_",), scheme="W8A16")
    per_weight = (
        _FULL_BITS if bits == _FULL_BITS else base.model_copy(update={"keep": kept}).kept_bits_per_weight
    )
    extra = per_weight - base.bits_per_weight
    if extra <= 0:
        raise ConfigError(f"keep: {bits} bits are no more than {base.name}", hint="Start from fewer bits.")
    whole = sum(module.weights for module in modules)
    spare = int((budget - base.bits_per_weight) * whole / extra + 1e-6)
    units = _units(modules, values, fused)
    names = choose(units, spare)
    if not names:
        wanted = [unit.weights for unit in units if unit.value > 0]
        least = base.bits_per_weight + extra * min(wanted) / whole if wanted else None
        hint = (
            f"Give {ceil(1000 * least) / 1000} or more."
            if least
            else "No module brings margin; nothing is fragile."
        )
        raise ConfigError(f"budget: {budget:g} bits per weight leave no room for a kept module", hint=hint)
    if bits == _FULL_BITS:
        return base.model_copy(update={"ignore": (*base.ignore, *names)})
    return base.model_copy(update={"keep": Keep(layers=names, scheme="W8A16")})


def bits_per_weight(recipe: Recipe, modules: Sequence[Module]) -> float:
    """Return the mean of stored bits over all modules, kept and left out ones and scales counted."""
    kept = frozenset(recipe.keep.layers if recipe.keep else ())
    left = frozenset(recipe.ignore)

    def stored(name: str) -> float:
        if name in left:
            return float(_FULL_BITS)
        return recipe.kept_bits_per_weight if name in kept else recipe.bits_per_weight

    whole = sum(module.weights for module in modules)
    return sum(stored(module.name) * module.weights for module in modules) / whole


def choose(units: Sequence[Unit], spare: int) -> tuple[str, ...]:
    """Choose the units whose values sum to the most, with no more weights than there is room for.

    The 0-1 knapsack problem, solved exactly by dynamic programming over room in units of the sizes' greatest
    common divisor. Units that bring nothing are never chosen.

    Args:
        units: What can be kept.
        spare: Weights that may be kept.

    Returns:
        Names of the modules, in the order of `units`.
    """
    wanted = [unit for unit in units if unit.value > 0 and unit.weights <= spare]
    if not wanted:
        return ()
    step = gcd(*(unit.weights for unit in wanted))
    room = min(spare, sum(unit.weights for unit in wanted)) // step
    best = [0.0] * (room + 1)
    taken: list[list[bool]] = []
    for unit in wanted:
        size = unit.weights // step
        row = [False] * (room + 1)
        for left in range(room, size - 1, -1):
            if best[left - size] + unit.value > best[left]:
                best[left] = best[left - size] + unit.value
                row[left] = True
        taken.append(row)
    kept: list[Unit] = []
    for unit, row in zip(reversed(wanted), reversed(taken), strict=True):
        if row[room]:
            kept.append(unit)
            room -= unit.weights // step
    return tuple(name for unit in reversed(kept) for name in unit.names)


def _units(modules: Sequence[Module], values: Mapping[str, float], fused: bool) -> list[Unit]:
    groups: dict[tuple[int, str], list[Module]] = {}
    for module in modules:
        kind = _FUSED.get(module.kind, module.kind) if fused else module.kind
        groups.setdefault((module.layer, kind), []).append(module)
    return [
        Unit(
            tuple(module.name for module in together),
            sum(module.weights for module in together),
            sum(values[module.name] for module in together),
        )
        for together in groups.values()
    ]
