"""The regularities in words: one claim each, with everything it rests on."""

from typing import NamedTuple

from ..annotate.hazard import Earliness
from ..annotate.self_recovery import Recovered
from ..annotate.statistics import Ratio
from ..judge.mix import MixComparison
from .folder import FULL_PRECISION
from .regularities import Labelled, Regularities
from .report import Report
from .wording import CHANCE, count, p_phrase, percent, points, ratio, share


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
    by = found.labels
    said: list[Finding | None] = []
    if by is not None and name in by.against:
        said += [_hazard(by, name), _earliness(by, name), _recovery(by, name)]
    said += [_mix(mix) if (mix := found.mix_of(name)) is not None else None]
    said += [_difficulty(found, name), _lengths(found, name), _uncommitted(found, name), _parting(found)]
    return [one for one in said if one is not None]


def _hazard(by: Labelled, name: str) -> Finding | None:
    found, one, other = by.against[name].hazards, by.models[name], by.models[FULL_PRECISION]
    if found.ratio is None:
        return None
    faults = one.recovery.all.faulty, other.recovery.all.faulty
    return Finding(
        "Hazard",
        f"Step for step, it goes wrong {ratio(found.ratio)} times as often as full precision among solutions "
        f"that are still right ({p_phrase(found.p)}; {faults[0]:,} first faults against "
        f"{faults[1]:,} on {count(found.problems, 'problem')}).",
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
        f"{count(found.early_faults, 'fault')} in {count(found.early_at_risk, 'step')} "
        f"against {found.late_faults:,} in {found.late_at_risk:,}"
    )


def _recovery(by: Labelled, name: str) -> Finding | None:
    found, other = by.models[name].recovery, by.models[FULL_PRECISION].recovery
    if found.all.share is None or other.all.share is None:
        return None
    text = (
        f"Of its {count(found.all.faulty, 'solution')} with a fault {share(found.all.share)} still "
        f"end right; of the {other.all.faulty:,} of full precision {share(other.all.share)} "
        f"({p_phrase(by.against[name].recovery.p)})."
    )
    if found.early.share is not None and other.early.share is not None:
        text += (
            f" After a fault in the first half: {_of(found.early)} against {_of(other.early)} "
            f"({p_phrase(by.against[name].recovery.early_p)})."
        )
    return Finding("Self-recovery", text)


def _mix(mix: MixComparison) -> Finding | None:
    if not mix.variant or not mix.reference:
        return None
    said = [
        f"{what}: {shift.variant[0]:,} to {shift.variant[1]:,} against {shift.reference[0]:,} to "
        f"{shift.reference[1]:,}, "
        + (f"odds ratio {ratio(shift.ratio)}, " if shift.ratio is not None else "")
        + p_phrase(shift.p)
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
    return Finding("Error mix", f"{'. '.join(said)}. {verdict} ({p_phrase(mix.p)}).")


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
        f"({count(problems, 'problem')}): {verdict}.",
    )


def _lengths(found: Regularities, name: str) -> Finding | None:
    growth = found.lengths.get(name)
    if growth is None or growth.both_right.ratio is None:
        return None
    text = (
        f"Where both end right it writes {ratio(growth.both_right.ratio)} times as many tokens as full "
        f"precision ({count(growth.both_right.problems, 'problem')})"
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
        f"In {share(counted.share)} of its {count(counted.wrong, 'wrong solution')} the right answer "
        f"came up and was not given ({counted.stated} as a stated answer, {counted.computed} as a result); "
        f"answers of other problems come up in {percent(counted.chance)}.",
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
        f"{share(where.exact)} of {count(where.cases, 'regression')} "
        f"(before it in {where.before:,}, behind it or nowhere in {where.behind:,}).",
    )


def _of(found: Recovered) -> str:
    return f"{found.right:,} of {found.faulty:,}"


def _covers_one(estimate: Ratio) -> bool:
    return estimate.low <= 1 and (estimate.high is None or estimate.high >= 1)
