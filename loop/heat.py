"""What the page shows of a sensitivity: two tables, layers by kinds of module, coloured by effect."""

from typing import Any, Literal

from ..datasets.records import Interval
from .sensitivity import Effect, Sensitivity

_Way = Literal["lost", "regained"]
_CAPTIONS: tuple[tuple[_Way, str], ...] = (
    ("lost", "Lost when one module is quantized in the full-precision model"),
    ("regained", "Regained when one module is restored in the quantized model"),
)
_SUM = "sum"


def heat_view(found: Sensitivity) -> dict[str, Any]:
    """Return what the template shows."""
    loss = found.loss
    most = sorted(found.modules, key=lambda one: -one.regained.value)[:3]
    sample = f"{found.pairs} pairs" if found.pairs == found.of else f"{found.pairs} of {found.of} pairs"
    return {
        "sample": sample + (f", {found.left_out} too long and left out" if found.left_out else ""),
        "loss": f"{loss.value:.2f} nats ({loss.low:.2f} to {loss.high:.2f})",
        "margins": " to ".join(_signed(one.value) for one in (found.full_precision, found.quantized)),
        "whole": [
            (name, said(getattr(found.whole, way)))
            for way, name in (("lost", "lost"), ("regained", "regained"))
        ],
        "most": [
            f"{one.kind} of layer {one.layer} ({said(one.regained)})"
            for one in most
            if one.regained.value > 0
        ],
        "kinds": list(found.kinds),
        "sum": _SUM,
        "tables": [_table(found, way, caption) for way, caption in _CAPTIONS],
    }


def _table(found: Sensitivity, way: _Way, caption: str) -> dict[str, Any]:
    cells = {(one.layer, one.kind): one for one in found.modules}
    top = max((abs(getattr(one, way).value) for one in found.modules), default=0.0)
    rows = [
        {
            "name": f"layer {layer}",
            "cells": [
                _cell(cells.get((layer, kind)), way, top, f"{kind} of layer {layer}") for kind in found.kinds
            ],
            "sum": _cell(effect, way, 0.0, f"layer {layer}, all modules, one at a time"),
        }
        for layer, effect in found.layers.items()
    ]
    sums = [_cell(effect, way, 0.0, f"{kind} of all layers") for kind, effect in found.kinds.items()]
    whole = _cell(found.whole, way, 0.0, "all modules, one at a time")
    rows.append({"name": _SUM, "cells": sums, "sum": whole})
    return {"caption": caption, "rows": rows}


def _cell(effect: Effect | None, way: _Way, top: float, what: str) -> dict[str, Any] | None:
    if effect is None:
        return None
    one: Interval = getattr(effect, way)
    return {
        # Harm and good have their own colours, and every cell its sign.
        "tone": "quantized" if one.value >= 0 else "restored",
        "share": round(abs(one.value) / top, 3) if top else 0.0,
        "text": _signed(one.value).removeprefix("+"),
        "sure": one.low > 0 or one.high < 0,
        "title": f"{what}: {said(one)} nats",
    }


def said(one: Interval) -> str:
    """Write an effect with its interval."""
    return f"{_signed(one.value)}, {_signed(one.low)} to {_signed(one.high)}"


def _signed(value: float) -> str:
    # What rounds to nought has no sign.
    return f"{value:+z.2f}".replace("-", "\u2212")
