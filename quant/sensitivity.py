"""How much each linear layer of a model loses by being quantized, and gives back by being restored.

Layer-wise sensitivity as in arXiv 2501.03035, by forward passes only: one module's weight at a time is
exchanged between a model and its quantized version, and what that does to some figure is measured.
Which figure is up to who asks; `restore/margins.py` gives the margins of preference pairs.

A quantization that moves scales from one module into another (AWQ, SmoothQuant) can't be taken apart
like this, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..datasets.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

_IN_LAYER = re.compile(r"\.(\d+)\.(?:.*\.)?(\w+?)(?:_proj)?$")


class Module(NamedTuple):
    """A linear layer of a decoder."""

    name: str
    """As in the model: `model.layers.0.self_attn.q_proj`."""
    layer: int
    """0-based decoder layer."""
    kind: str
    """`q`, `k`, `v`, `o`, `gate`, `up` or `down`; the module's own name where it is called otherwise."""
    weights: int


class Part(Protocol):
    """Some of the items that a figure is measured on, as many as go through the model together."""

    def __call__(self, model: Any, /) -> list[float]:
        """Return every item's figure under the model; one forward pass."""
        ...


class Effects(NamedTuple):
    """What was measured: per item, in the order of the parts."""

    modules: tuple[Module, ...]
    full_precision: list[float]
    quantized: list[float]
    lost: list[list[float]]
    """By module: full precision minus full precision with this module quantized."""
    regained: list[list[float]]
    """By module: the quantized model with this module in full precision minus the quantized model."""


def decoder_modules(model: Any) -> tuple[Module, ...]:
    """List the linear layers of a model's decoder layers, in order.

    Raises:
        ModelError: If there are none where transformers' decoders have them.
    """
    import torch

    _layers(model)
    found: list[Module] = []
    for name, module in model.named_modules():
        place = _IN_LAYER.search(name)
        if isinstance(module, torch.nn.Linear) and place is not None:
            found.append(Module(name, int(place[1]), place[2], module.weight.numel()))
    if not found:
        raise _unknown(model)
    return tuple(found)


def measure_effects(
    full_precision: Any,
    quantized: Any,
    parts: Sequence[Part],
    progress: Callable[[int], None] | None = None,
) -> Effects:
    """Exchange one module at a time between two models and measure what that does, both ways.

    Only weights are exchanged. Layers before the exchanged one compute what they did before, so that their
    result is kept for one part at a time and not computed again: on average half of the work.

    Args:
        full_precision: Loaded model; the same when this returns.
        quantized: Its quantized version, unpacked into plain linear layers; the same when this returns.
        parts: The items to measure on.
        progress: Told about every forward pass; there are `passes(...)` of them.

    Raises:
        ModelError: If the models are not of one shape, or differ in more than their linear layers' weights.
    """
    modules = decoder_modules(full_precision)
    ours, theirs = _weights(full_precision, modules), _weights(quantized, modules)
    _check_rest(full_precision, quantized, modules)
    tell = progress or _untold
    whole, lost = _one_at_a_time(full_precision, modules, theirs, parts, tell)
    rounded, regained = _one_at_a_time(quantized, modules, ours, parts, tell)
    return Effects(
        modules,
        whole,
        rounded,
        [[a - b for a, b in zip(whole, one, strict=True)] for one in lost],
        [[b - a for a, b in zip(rounded, one, strict=True)] for one in regained],
    )


def _untold(more: int) -> None:
    """Nobody asked."""


def passes(full_precision: Any, parts: Sequence[Part]) -> int:
    """Return the number of forward passes that `measure_effects` makes."""
    return 2 * len(parts) * (1 + len(decoder_modules(full_precision)))


def _one_at_a_time(
    model: Any,
    modules: Sequence[Module],
    others: Mapping[str, Tensor],
    parts: Sequence[Part],
    tell: Callable[[int], None],
) -> tuple[list[float], list[list[float]]]:
    """The figures of a model as it is, and with each module's weight from the other model."""
    import torch

    layers, found = _layers(model), dict(model.named_modules())
    base: list[float] = []
    changed: list[list[float]] = [[] for _ in modules]
    for part in parts:
        with _entries(layers) as entries:
            before = part(model)
        base += before
        tell(1)
        for place, module in enumerate(modules):
            linear = found[module.name]
            own, other = linear.weight.data, others[module.name]
            if torch.equal(own, other):
                # Left in full precision by the quantization.
                changed[place] += before
            else:
                with _from_layer(layers, module.layer, entries[module.layer]):
                    try:
                        linear.weight.data = other
                        changed[place] += part(model)
                    finally:
                        linear.weight.data = own
            tell(1)
    return base, changed


@contextmanager
def _entries(layers: Sequence[Any]) -> Generator[dict[int, Tensor]]:
    """Keep what enters each decoder layer."""
    kept: dict[int, Tensor] = {}

    def keep(place: int) -> Any:
        def hook(layer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            kept[place] = given[0] if given else named["hidden_states"]

        return hook

    hooks = [layer.register_forward_pre_hook(keep(n), with_kwargs=True) for n, layer in enumerate(layers)]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _from_layer(layers: Sequence[Any], start: int, entry: Tensor) -> Generator[None]:
    """Have the layers before `start` do nothing but hand on what enters it."""

    def hand_on(*given: Any, **named: Any) -> Tensor:
        return entry

    try:
        for layer in layers[:start]:
            layer.forward = hand_on
        yield
    finally:
        for layer in layers[:start]:
            # Its class's own shows again.
            layer.__dict__.pop("forward", None)


def _layers(model: Any) -> Sequence[Any]:
    layers = getattr(getattr(model, "model", None), "layers", None)
    if layers is None or not len(layers):
        raise _unknown(model)
    return layers


def _weights(model: Any, modules: Sequence[Module]) -> dict[str, Tensor]:
    found = dict(model.named_modules())
    weights: dict[str, Tensor] = {}
    for module in modules:
        weight = getattr(found.get(module.name), "weight", None)
        if weight is None or weight.numel() != module.weights:
            raise ModelError(
                f"{module.name}: not the same in both models",
                hint="Give a model and its own quantized version.",
            )
        weights[module.name] = weight.data
    return weights


def _check_rest(full_precision: Any, quantized: Any, modules: Sequence[Module]) -> None:
    import torch

    exchanged = {f"{module.name}.weight" for module in modules}
    others = dict(quantized.named_parameters())
    for name, parameter in full_precision.named_parameters():
        if name in exchanged or name.startswith("lm_head"):
            continue
        other = others.get(name)
        if other is None or not torch.equal(parameter, other):
            raise ModelError(
                f"{name}: differs between the models, though it is no linear layer's weight",
                hint="AWQ and SmoothQuant move scales between modules and can't be taken apart; measure the "
                "sensitivity with rtn or gptq of the same bits.",
            )


def _unknown(model: Any) -> ModelError:
    return ModelError(
        f"{type(model).__name__}: no decoder layers at model.layers",
        hint="Llama, Qwen and other decoders of that build are measured.",
    )
