"""The regularities in words, rows and pictures: alike on the page and in a terminal."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from ..annotate.hazard import Earliness, StepHazard
from ..annotate.losses import Grouping, GroupLoss
from ..annotate.self_recovery import Recovered
from ..annotate.statistics import Ratio
from ..datasets.records import Interval
from ..judge.mix import MixComparison
from . import charts, wording
from .folder import FULL_PRECISION
from .regularities import Labelled, Regularities
from .report import Report, Role

MOST_STEPS = 12
"""Steps of the life table that are drawn."""
FEW = 20
"""Solutions at risk from which on a step's hazard is drawn: of fewer the interval says next to nothing."""
CHANCE = wording.CHANCE


class Finding(NamedTuple):
    """One claim, with everything it rests on."""

    title: str
    text: str


def lead(report: Report) -> list[Finding]:
    """Say what the regularities come to, headline variant first."""
    found = report.regularities
    if found is None:
        return []
    name = report.headline
    by = labels(found)
    said: list[Finding | None] = []
    if by is not None and name in by.against:
        said += [_hazard(by, name), _earliness(by, name), _recovery(by, name)]
    said += [_mix(mix) if (mix := mix_of(found, name)) is not None else None]
    said += [_difficulty(found, name), _lengths(found, name), _uncommitted(found, name), _parting(found)]
    return [one for one in said if one is not None]


def labels(found: Regularities) -> Labelled | None:
    """Choose the labels that figures on all solutions are by: the truth where there is one."""
    return found.by_truth or found.by_proof


def mix_of(found: Regularities, name: str) -> MixComparison | None:
    """Choose the error mix of one model: by the truth where there is one, else by the panel."""
    if found.by_truth is not None and name in found.by_truth.against:
        return found.by_truth.against[name].mix
    return found.by_panel.get(name)


def ratio(estimate: Ratio | None) -> str:
    """Write a ratio with its interval as `12.9 (7.72 to 29.2)`."""
    if estimate is None:
        return "–"
    high = "no upper limit" if estimate.high is None else _significant(estimate.high)
    return f"{_significant(estimate.value)} ({_significant(estimate.low)} to {high})"


def points(difference: Interval) -> str:
    """Write a difference of shares in points as `+3.5 (2.0 to 5.0)`."""
    value, low, high = (f"{100 * one:.1f}".replace("-", "−") for one in _three(difference))
    return f"{'+' if difference.value > 0 else ''}{value} ({low} to {high})"


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
        "kinds": _kinds(mix_of(found, report.headline), mix_of(found, found.restored)),
        "rows": _rows(report, found),
        "proof": _proof(found, report.headline),
    }


def _hazard(by: Labelled, name: str) -> Finding | None:
    found, one, other = by.against[name].hazards, by.models[name], by.models[FULL_PRECISION]
    if found.ratio is None:
        return None
    faults = one.recovery.all.faulty, other.recovery.all.faulty
    return Finding(
        "Hazard",
        f"Step for step, it goes wrong {ratio(found.ratio)} times as often as full precision among solutions "
        f"that are still right ({wording.p_phrase(found.p)}; {faults[0]:,} first faults against "
        f"{faults[1]:,} on {wording.count(found.problems, 'problem')}).",
    )


def _earliness(by: Labelled, name: str) -> Finding | None:
    found, other = by.models[name].earliness, by.models[FULL_PRECISION].earliness
    if found.ratio is None:
        return None
    if _covers_one(found.ratio):
        verdict = "whether a step is early or late makes no difference that can be told from chance"
    else:
        verdict = f"per step at risk, early faults are {'more' if found.ratio.value > 1 else 'less'} frequent"
    against = f" Full precision: {ratio(other.ratio)}, {_halves(other)}." if other.ratio is not None else ""
    return Finding(
        "Earliness",
        f"The hazard of the first half of a solution is {ratio(found.ratio)} times that of the second, in "
        f"solutions of the same length ({_halves(found)}): {verdict}.{against}",
    )


def _halves(found: Earliness) -> str:
    return (
        f"{wording.count(found.early_faults, 'fault')} in {wording.count(found.early_at_risk, 'step')} "
        f"against {found.late_faults:,} in {found.late_at_risk:,}"
    )


def _recovery(by: Labelled, name: str) -> Finding | None:
    found, other = by.models[name].recovery, by.models[FULL_PRECISION].recovery
    if found.all.share is None or other.all.share is None:
        return None
    text = (
        f"Of its {wording.count(found.all.faulty, 'solution')} with a fault {share(found.all.share)} still "
        f"end right; of the {other.all.faulty:,} of full precision {share(other.all.share)} "
        f"({wording.p_phrase(by.against[name].recovery.p)})."
    )
    if found.early.share is not None and other.early.share is not None:
        text += (
            f" After a fault in the first half: {_of(found.early)} against {_of(other.early)} "
            f"({wording.p_phrase(by.against[name].recovery.early_p)})."
        )
    return Finding("Self-recovery", text)


def _mix(mix: MixComparison) -> Finding | None:
    if not mix.variant or not mix.reference:
        return None
    said = [
        f"{what}: {shift.variant[0]:,} to {shift.variant[1]:,} against {shift.reference[0]:,} to "
        f"{shift.reference[1]:,}, "
        + (f"odds ratio {ratio(shift.ratio)}, " if shift.ratio is not None else "")
        + wording.p_phrase(shift.p)
        for what, shift in (
            ("Method and execution faults to conceptual ones", mix.procedure),
            ("Numerical computation to reasoning planning", mix.numerical),
        )
    ]
    verdict = (
        "The mix differs from full precision's"
        if mix.p < CHANCE
        else "No shift of the mix can be told from chance"
    )
    return Finding("Error mix", f"{'. '.join(said)}. {verdict} ({wording.p_phrase(mix.p)}).")


def _difficulty(found: Regularities, name: str) -> Finding | None:
    grouped = found.losses[name].level if name in found.losses else None
    unit = "level"
    if grouped is None:
        grouped, unit = (found.losses[name].length if name in found.losses else None), "step"
    if grouped is None or grouped.slope is None:
        return None
    problems = sum(group.problems for group in grouped.groups)
    slope = grouped.slope
    verdict = (
        "no trend that can be told from chance"
        if slope.low <= 0 <= slope.high
        else f"it loses more on {'harder' if slope.value > 0 else 'easier'} problems"
        if unit == "level"
        else f"it loses more on {'longer' if slope.value > 0 else 'shorter'} solutions"
    )
    return Finding(
        "Difficulty",
        f"One {unit} more changes the loss by {points(slope)} points "
        f"({wording.count(problems, 'problem')}): {verdict}.",
    )


def _lengths(found: Regularities, name: str) -> Finding | None:
    growth = found.lengths.get(name)
    if growth is None or growth.both_right.ratio is None:
        return None
    text = (
        f"Where both end right it writes {ratio(growth.both_right.ratio)} times as many tokens as full "
        f"precision ({wording.count(growth.both_right.problems, 'problem')})"
    )
    if growth.regressions.ratio is not None:
        text += f", where it alone fails {ratio(growth.regressions.ratio)} times"
        text += f" ({growth.regressions.problems:,})"
    return Finding("Length", f"{text}.")


def _uncommitted(found: Regularities, name: str) -> Finding | None:
    counted = found.uncommitted.get(name)
    if counted is None or counted.share is None or counted.chance is None:
        return None
    return Finding(
        "Uncommitted",
        f"In {share(counted.share)} of its {wording.count(counted.wrong, 'wrong solution')} the right answer "
        f"came up and was not given ({counted.stated} as a stated answer, {counted.computed} as a result); "
        f"answers of other problems come up in {wording.percent(counted.chance)}.",
    )


def _parting(found: Regularities) -> Finding | None:
    labels = "truth" if "truth" in found.parting else "panel"
    where = found.parting.get(labels)
    if where is None or where.exact is None:
        return None
    by = "as the problems' programs say" if labels == "truth" else "as the judges say"
    return Finding(
        "Parting",
        f"The step where its solution parts from full precision's is the first fault, {by}, in "
        f"{share(where.exact)} of {wording.count(where.cases, 'regression')} "
        f"(before it in {where.before:,}, behind it or nowhere in {where.behind:,}).",
    )


def share(estimate: Interval) -> str:
    """Write a share with its interval as `7.9% (4.2–14.3%)`."""
    return f"{wording.percent(estimate.value)} ({wording.interval(estimate)})"


def _of(found: Recovered) -> str:
    return f"{found.right:,} of {found.faulty:,}"


def _hazards(report: Report, found: Regularities) -> dict[str, Any] | None:
    by = labels(found)
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
        said = "; ".join(f"{wording.ROLES[role]} {share(one.hazard)}" for role, one in here.items())
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
        return charts.dots([mark], scale, f"{group.name}: lost {share(group.drop)}", guide=0.0)

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
                "difference": None if shift.difference is None else points(shift.difference),
                "share_p": wording.p_value(shift.p),
            }
        )
    return rows


def _rows(report: Report, found: Regularities) -> list[dict[str, Any]]:
    """List every variant with its figures against full precision."""
    by = labels(found)
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
    model, mix, met = by.models[name], mix_of(found, name), found.uncommitted.get(name)
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
        ("Loss per level, points", *_split(points(level.slope))) if level and level.slope else None,
        _ratio_cell("Length", growth, None),
        _share_cell("Uncommitted", met.share if met else None),
    ]


def _ratio_cell(label: str, estimate: Ratio | None, p: float | None) -> tuple[str, str, str | None] | None:
    if estimate is None:
        return None
    value, under = _split(ratio(estimate))
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
    said = f"By what is proven without a model instead, the hazard ratio is {ratio(hazards.ratio)}"
    if recovered.share is not None:
        said += f", its self-recovery {share(recovered.share)} of {recovered.faulty:,}"
    return f"{said}."


def _covers_one(estimate: Ratio) -> bool:
    return estimate.low <= 1 and (estimate.high is None or estimate.high >= 1)


def _significant(value: float) -> str:
    """Write a number that is not negative as `0.43`, `7.72`, `29.2` or `310`."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _three(estimate: Interval) -> Sequence[float]:
    return estimate.value, estimate.low, estimate.high
