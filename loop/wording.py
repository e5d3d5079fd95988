"""Figures in words: how numbers, sizes, times and the summary read, alike on paper and in a terminal."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypeVar

from ..annotate.statistics import Interval, Ratio
from ..datasets.records import ErrorType
from .report import ErrorMix, FaultPosition, Report, Role, VariantReport

T = TypeVar("T")

ROLES: dict[Role, str] = {
    "full_precision": "Full precision",
    "quantized": "Quantized",
    "restored": "Restored",
}
CHANCE = 0.05
"""McNemar p-value from which a difference is not called one."""
NUMERICAL = (ErrorType.EXECUTION,)
PLANNING = (ErrorType.CONCEPTUAL, ErrorType.METHOD, ErrorType.REASONING)
_GLUE = "\u00a0"  # no-break space: a p-value is not broken over lines
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def in_order(by_role: Mapping[Role, T]) -> list[tuple[Role, T]]:
    """Return what there is for each model, full precision first."""
    return [(role, by_role[role]) for role in ROLES if role in by_role]


def percent(share: float, digits: int = 1) -> str:
    """Write a fraction as `96.8%`."""
    return f"{100 * share:.{digits}f}%"


def interval(estimate: Interval, digits: int = 1) -> str:
    """Write the 95% interval of a fraction as `95.1–97.9%`."""
    dash = "–" if estimate.low >= 0 else " to "
    return f"{100 * estimate.low:.{digits}f}{dash}{100 * estimate.high:.{digits}f}%"


def share(estimate: Interval) -> str:
    """Write a share with its interval as `7.9% (4.2–14.3%)`."""
    return f"{percent(estimate.value)} ({interval(estimate)})"


def points(difference: Interval) -> str:
    """Write a difference of shares in points as `+3.5 (2.0 to 5.0)`."""
    value, low, high = (
        f"{100 * one:.1f}".replace("-", "−") for one in (difference.value, difference.low, difference.high)
    )
    return f"{'+' if difference.value > 0 else ''}{value} ({low} to {high})"


def ratio(estimate: Ratio | None) -> str:
    """Write a ratio with its interval as `12.9 (7.72 to 29.2)`."""
    if estimate is None:
        return "–"
    high = "no upper limit" if estimate.high is None else _significant(estimate.high)
    return f"{_significant(estimate.value)} ({_significant(estimate.low)} to {high})"


def p_value(p: float) -> str:
    """Write a p-value as `0.037` or `3 × 10⁻⁴⁸`."""
    if p == 0:
        return f"<{_GLUE}10⁻³⁰⁰"
    if p >= 0.001:
        return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    digits, exponent = f"{p:.0e}".split("e")
    return f"{digits}{_GLUE}×{_GLUE}10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def p_phrase(p: float) -> str:
    """Write `p = 0.037`, or `p < ...` where the value is too small to be told from 0."""
    return f"p{_GLUE}{p_value(p)}" if p == 0 else f"p{_GLUE}={_GLUE}{p_value(p)}"


def size(count: int) -> str:
    """Write a number of bytes as `8.4 MB` (decimal units)."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def duration(seconds: float) -> str:
    """Write a time as `0.4 s`, `41 s`, `6 min 3 s` or `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def title(report: Report) -> str:
    """Say the finding in plain words."""
    main, accuracy = report.main, report.main.accuracy
    whole, quantized = percent(accuracy.full_precision.value), percent(accuracy.quantized.value)
    start = f"{_at_bits(main)}, {report.model} solves {quantized} of the problems"
    if main.flips.mcnemar_p >= CHANCE:
        found = f"{start}, full precision {whole}: no more than chance explains."
    else:
        found = f"{start} instead of {whole}."
    if accuracy.restored is None:
        return found
    return f"{found} Restored, it solves {percent(accuracy.restored.value)}."


def summary(report: Report) -> list[str]:
    """Say what stands behind the title, in two or three sentences with every figure."""
    main, accuracy, flips = report.main, report.main.accuracy, report.main.flips
    fail = verb(flips.regressions, "fails", "fail")
    said = [
        f"On {main.held_out:,} held-out {report.problems} problems, full precision solves "
        f"{percent(accuracy.full_precision.value)} and {report.headline} "
        f"{percent(accuracy.quantized.value)}: {count(flips.regressions, 'problem')} it used to solve now "
        f"{fail}, {flips.improvements:,} went the other way (exact McNemar {p_phrase(flips.mcnemar_p)})."
    ]
    if accuracy.restored is not None:
        after = f"Training on {count(main.pairs, 'preference pair')}{_training_time(main)}"
        after += f" brought it to {percent(accuracy.restored.value)}"
        if main.recovery is not None:
            share = percent(main.recovery.value, 0)
            after += f": {share} of the loss recovered ({_plain_interval(main.recovery)})"
        said.append(f"{after}. Its weights stay quantized.")
    if main.rejected is not None:
        said.append(f"The gate rejects the restored model: {main.rejected}.")
    return said


def adherence(report: Report) -> str | None:
    """Say how often the models of the headline follow the asked step format; `None` where it is not known."""
    known = [
        f"{ROLES[role].lower()} {share(one.well_formed)}"
        for role, one in in_order(report.main.behaviour)
        if one.well_formed is not None
    ]
    return f"In the asked step format: {', '.join(known)}." if known else None


def format_tuning(report: Report) -> str | None:
    """Say that full precision was taught the step format, and what came of it; `None` where it was not."""
    found = report.format_tuning
    if found is None:
        return None
    made = found.made
    source = "the given" if made.given else "its own"
    brought = f" ({made.rewritten:,} of them brought into it)" if made.rewritten else ""
    said = [
        f"{what} {share(before)} before and {share(after)} after"
        for what, before, after in (
            ("in the format", found.before.well_formed, found.after.well_formed),
            ("solved", found.before.accuracy, found.after.accuracy),
        )
        if before is not None and after is not None
    ]
    return (
        f"Before anything was quantized, {made.model} was taught the step format on {made.learnt:,} of "
        f"{source} right solutions of mining problems{brought}. Held-out problems: {'; '.join(said)}."
    )


def middle(positions: Sequence[FaultPosition]) -> str:
    """Say how far into a solution half of the first faults have happened, as `25%`."""
    return percent(median((position.step + 0.5) / position.steps for position in positions), 0)


def coarse_mix(mix: ErrorMix) -> str:
    """Say the split between numerical computation and reasoning planning."""
    total = sum(share.count for share in mix.types.values())
    if not total:
        return "no fault was located"
    numerical = sum(mix.types[kind].count for kind in NUMERICAL if kind in mix.types)
    planning = sum(mix.types[kind].count for kind in PLANNING if kind in mix.types)
    return (
        f"{percent(numerical / total, 0)} numerical computation, "
        f"{percent(planning / total, 0)} reasoning planning"
    )


def count(number: int, noun: str) -> str:
    """Write `1 pair` or `332 pairs`."""
    return f"{number:,} {noun}{verb(number, '', 's')}"


def verb(number: int, one: str, many: str) -> str:
    """Choose the form that goes with a number."""
    return one if number == 1 else many


def _plain_interval(estimate: Interval) -> str:
    return f"95% interval {percent(estimate.low, 0)} to {percent(estimate.high, 0)}"


def _at_bits(variant: VariantReport) -> str:
    if variant.weight_bits is not None:
        return f"At {count(variant.weight_bits, 'bit')}"
    return "Quantized"


def _training_time(variant: VariantReport) -> str:
    seconds = variant.seconds.get("restore")
    return "" if seconds is None else f" for {duration(seconds)}"


def _significant(value: float) -> str:
    """Write a number that is not negative as `0.43`, `7.72`, `29.2` or `310`."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
