"""Where in the network quantization costs the margin at the first fault: what `sensitivity.json` holds."""

from collections.abc import Sequence

from ..annotate.statistics import bootstrap_means
from ..datasets.records import Interval, Record
from ..quant.sensitivity import Effects


class Effect(Record):
    """What quantizing one part of the model does to the margin; nats, means over pairs with 95% intervals."""

    lost: Interval
    """By full precision when this part alone is quantized."""
    regained: Interval
    """By the quantized model when this part alone is in full precision."""


class ModuleEffect(Effect):
    """The effect of one linear layer."""

    name: str
    layer: int
    """0-based."""
    kind: str
    """`q`, `k`, `v`, `o`, `gate`, `up` or `down`."""
    weights: int


class Sensitivity(Record):
    """The margin at the first fault under both models, and every module's share in its loss."""

    variant: str
    pairs: int
    """Pairs that it is measured on."""
    of: int
    """Pairs that there are."""
    left_out: int = 0
    """Of the pairs, those longer than the model's context."""
    sha256: str
    """Of the content of the pairs."""
    seed: int
    """Of the sample of pairs."""
    full_precision: Interval
    """Mean margin, log p(chosen) - log p(rejected), in nats."""
    quantized: Interval
    loss: Interval
    """The difference."""
    modules: tuple[ModuleEffect, ...]
    layers: dict[int, Effect]
    """By decoder layer: the sum over its modules, one at a time."""
    kinds: dict[str, Effect]
    """By kind of module: the sum over the layers, one at a time."""
    whole: Effect
    """The sum over all modules. Where it is not the loss, modules do harm together or mend each other."""
    seconds: float


def sum_up(
    effects: Effects,
    *,
    variant: str,
    of: int,
    left_out: int,
    sha256: str,
    seed: int,
    seconds: float,
) -> Sensitivity:
    """Turn effects per pair into means with intervals; pairs are drawn, the same for all modules.

    Raises:
        ValueError: If there are no pairs.
    """
    modules = effects.modules
    layers = list(dict.fromkeys(module.layer for module in modules))
    kinds = list(dict.fromkeys(module.kind for module in modules))
    groups = [
        *([place] for place in range(len(modules))),
        *([n for n, module in enumerate(modules) if module.layer == layer] for layer in layers),
        *([n for n, module in enumerate(modules) if module.kind == kind] for kind in kinds),
        list(range(len(modules))),
    ]
    whole, rounded = effects.full_precision, effects.quantized
    means = bootstrap_means(
        [
            whole,
            rounded,
            [a - b for a, b in zip(whole, rounded, strict=True)],
            *(_summed(effects.lost, group) for group in groups),
            *(_summed(effects.regained, group) for group in groups),
        ],
        seed=seed,
    )
    lost, regained = means[3 : 3 + len(groups)], means[3 + len(groups) :]
    found = [Effect(lost=one, regained=other) for one, other in zip(lost, regained, strict=True)]
    cells, rest = found[: len(modules)], found[len(modules) :]
    return Sensitivity(
        variant=variant,
        pairs=len(whole),
        of=of,
        left_out=left_out,
        sha256=sha256,
        seed=seed,
        full_precision=means[0],
        quantized=means[1],
        loss=means[2],
        modules=tuple(
            ModuleEffect(
                name=module.name,
                layer=module.layer,
                kind=module.kind,
                weights=module.weights,
                lost=cell.lost,
                regained=cell.regained,
            )
            for module, cell in zip(modules, cells, strict=True)
        ),
        layers=dict(zip(layers, rest, strict=False)),
        kinds=dict(zip(kinds, rest[len(layers) :], strict=False)),
        whole=rest[-1],
        seconds=round(seconds, 2),
    )


def _summed(columns: Sequence[Sequence[float]], places: Sequence[int]) -> list[float]:
    return [sum(values) for values in zip(*(columns[place] for place in places), strict=True)]
