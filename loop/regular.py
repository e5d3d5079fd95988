"""The regularities in rows and pictures, as the page shows them."""

from typing import Any

from markupsafe import Markup

from ..annotate.hazard import StepHazard
from ..annotate.losses import Grouping, GroupLoss
from ..annotate.statistics import Ratio
from ..datasets.records import Interval
from ..judge.mix import MixComparison
from . import charts, wording
from .findings import lead
from .folder import FULL_PRECISION
from .regularities import Labelled, Regularities
from .report import Report, Role

MOST_STEPS = 12
"""Steps of the life table that are drawn."""
FEW = 20
"""Solutions at risk from which on a step's hazard is drawn: of fewer the interval says next to nothing."""


def view(report: Report) -> dict[str, Any] | None:
    """Return what the page's section shows."""
    found = report.regularities
    if found is None:
        return None
    return {
        "lead": lead(report),
        "by_truth": found.by_truth is not None,
        "hazards": _hazards(report, found),
        "losses": _losses(found, report.headline),
        "kinds": _kinds(found.mix_of(report.headline), found.mix_of(found.restored)),
        "rows": _rows(report, found),
        "proof": _proof(found, report.headline),
    }


def _hazards(report: Report, found: Regularities) -> dict[str, Any] | None:
    by = found.labels
    if by is None or report.headline not in by.models:
        return None
    names: list[tuple[Role, str]] = [
        ("full_precision", FULL_PRECISION),
        ("quantized", report.headline),
        ("restored", found.restored),
    ]
    lives: dict[Role, tuple[StepHazard, ...]] = {
        role: by.models[name].life for role, name in names if name in by.models
    }
    drawn: dict[Role, dict[int, StepHazard]] = {
        role: {one.step: one for one in life if one.step < MOST_STEPS and one.at_risk >= FEW}
        for role, life in lives.items()
    }
    steps = sorted({step for life in drawn.values() for step in life})
    if not steps:
        return None
    scale = charts.scale_for([one.hazard for life in drawn.values() for one in life.values()])
    rows: list[dict[str, Any]] = []
    for step in steps:
        here: dict[Role, StepHazard] = {role: life[step] for role, life in drawn.items() if step in life}
        marks = [charts.Mark(role, one.hazard) for role, one in here.items()]
        said = "; ".join(f"{wording.ROLES[role]} {wording.share(one.hazard)}" for role, one in here.items())
        rows.append(
            {
                "name": f"Step {step + 1}",
                "counts": [f"{one.faults:,} of {one.at_risk:,}" for one in here.values()],
                "chart": charts.dots(marks, scale, f"hazard at step {step + 1}: {said}"),
            }
        )
    return {"rows": rows, "axis": charts.axis(scale), "roles": list(lives)}


def _losses(found: Regularities, name: str) -> list[dict[str, Any]]:
    if name not in found.losses:
        return []
    by = found.losses[name]
    shown = [
        ("By level", by.level),
        ("By steps of full precision's solution", by.length),
        ("By subject", by.subject),
    ]
    # Of the same problems under other names (abacus: a step is a level more) there is nothing more to see.
    groups: list[tuple[str, Grouping]] = []
    for title, grouping in shown:
        if grouping is not None and all(not _is_alike(grouping, other) for _, other in groups):
            groups.append((title, grouping))
    if not groups:
        return []
    drops = [group.drop for _, grouping in groups for group in grouping.groups]
    scale = charts.scale_for([*drops, Interval(value=0, low=0, high=0)], within=(-1.0, 1.0))
    return [
        {"title": title, "rows": _loss_rows(grouping, scale), "axis": charts.axis(scale)}
        for title, grouping in groups
    ]


def _is_alike(one: Grouping, other: Grouping) -> bool:
    unnamed = [[group.model_copy(update={"name": ""}) for group in each.groups] for each in (one, other)]
    return unnamed[0] == unnamed[1]


def _loss_rows(grouping: Grouping, scale: charts.Scale) -> list[dict[str, Any]]:
    def chart(group: GroupLoss) -> Markup:
        mark = charts.Mark("quantized", group.drop)
        return charts.dots([mark], scale, f"{group.name}: lost {wording.share(group.drop)}", guide=0.0)

    return [
        {
            "name": group.name,
            "detail": f"{wording.count(group.problems, 'problem')}, "
            f"−{group.regressions} +{group.improvements}",
            "value": wording.percent(group.drop.value),
            "p": wording.p_phrase(group.p),
            "chart": chart(group),
        }
        for group in grouping.groups
    ]


def _kinds(mix: MixComparison | None, restored: MixComparison | None) -> list[dict[str, Any]]:
    """List the kinds with rates and shares; after restoring beside it."""
    if mix is None or not mix.variant:
        return []
    rows: list[dict[str, Any]] = []
    for kind, shift in mix.kinds.items():
        after = restored.kinds.get(kind) if restored is not None else None
        rate = shift.rate
        rows.append(
            {
                "kind": kind.value,
                "full_precision": shift.reference,
                "quantized": shift.variant,
                "restored": None if restored is None else 0 if after is None else after.variant,
                "alone": None if rate is None else f"{rate.variant_alone} / {rate.reference_alone}",
                "rate_p": None if rate is None else wording.p_value(rate.p),
                "difference": None if shift.difference is None else wording.points(shift.difference),
                "share_p": wording.p_value(shift.p),
            }
        )
    return rows


def _rows(report: Report, found: Regularities) -> list[dict[str, Any]]:
    """List every variant with its figures against full precision."""
    by = found.labels
    if by is None:
        return []
    return [
        {
            "name": report.model if name == FULL_PRECISION else name,
            "detail": _detail(report, name),
            "main": name == report.headline,
            "cells": _cells(found, by, name),
        }
        for name in by.models
    ]


def _detail(report: Report, name: str) -> str:
    variant = report.variants.get(name)
    return "" if variant is None else " ".join(filter(None, [variant.method, variant.scheme]))


def _cells(found: Regularities, by: Labelled, name: str) -> list[tuple[str, str, str | None] | None]:
    model, mix, met = by.models[name], found.mix_of(name), found.uncommitted.get(name)
    hazards = by.against[name].hazards if name in by.against else None
    level = found.losses[name].level if name in found.losses else None
    growth = found.lengths[name].both_right.ratio if name in found.lengths else None
    return [
        ("First faults", f"{model.recovery.all.faulty:,}", f"of {model.solutions:,}"),
        _ratio_cell("Hazard ratio", hazards.ratio, hazards.p) if hazards else None,
        _ratio_cell("First half / second", model.earliness.ratio, None),
        _share_cell("Self-recovery", model.recovery.all.share),
        _ratio_cell("Method and execution / conceptual", mix.procedure.ratio, mix.procedure.p)
        if mix
        else None,
        ("Loss per level, points", *_split(wording.points(level.slope))) if level and level.slope else None,
        _ratio_cell("Length", growth, None),
        _share_cell("Uncommitted", met.share if met else None),
    ]


def _ratio_cell(label: str, estimate: Ratio | None, p: float | None) -> tuple[str, str, str | None] | None:
    if estimate is None:
        return None
    value, under = _split(wording.ratio(estimate))
    return label, value, f"{under}, {wording.p_phrase(p)}" if p is not None else under


def _share_cell(label: str, estimate: Interval | None) -> tuple[str, str, str] | None:
    if estimate is None:
        return None
    return label, wording.percent(estimate.value), wording.interval(estimate)


def _split(text: str) -> tuple[str, str]:
    value, _, under = text.partition(" (")
    return value, under.removesuffix(")")


def _proof(found: Regularities, name: str) -> str | None:
    """Say what the same figures are by proof alone, where the truth is known too."""
    if found.by_truth is None or found.by_proof is None or name not in found.by_proof.against:
        return None
    by = found.by_proof
    recovered = by.models[name].recovery.all
    hazards = by.against[name].hazards
    said = f"By what is proven without a model instead, the hazard ratio is {wording.ratio(hazards.ratio)}"
    if recovered.share is not None:
        said += f", its self-recovery {wording.share(recovered.share)} of {recovered.faulty:,}"
    return f"{said}."
