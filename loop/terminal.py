"""The result in a terminal: a table of the variants and two pictures drawn with characters."""

from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..annotate.argilla.figures import ReviewFigures
from ..annotate.statistics import Interval
from ..datasets.records import ErrorType
from ..datasets.showing import clip, harmless
from . import charts, findings, reviewed, wording
from .report import Report, Role, VariantReport

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_STYLES: dict[Role, str] = {"full_precision": "bold", "quantized": "yellow", "restored": "blue"}
_BAR_WIDTH = 28
_SHORT_BAR = 16
_WIDE = 96
_CLAIMS = ("Hazard", "Self-recovery")
"""The regularities that a terminal shows; the page has all."""


def show(report: Report, console: Console, *, html: Path | None = None) -> None:
    """Print the result of a run.

    Args:
        report: What to show.
        console: Where to; its width decides what fits.
        html: Path of the page to point to at the end.
    """
    console.print()
    console.print(Text(_safe(wording.title(report)), style="bold"))
    console.print(Text(_safe(" ".join(wording.summary(report)))))
    console.print()
    console.print(variants_table(report, narrow=console.width < _WIDE))
    for line in filter(None, (wording.adherence(report), wording.format_tuning(report))):
        console.print(Text(_safe(line), style="dim"))
    reviews = None if report.reviews is None else reviews_picture(report.reviews)
    for part in (error_picture(report), position_picture(report), regularities_picture(report), reviews):
        if part is not None:
            console.print()
            console.print(part)
    console.print()
    if report.seconds:
        console.print(Text(f"{wording.duration(sum(report.seconds.values()))} in all.", style="dim"))
    if html is not None:
        # Not wrapped or cut: the path is there to be copied.
        console.print(Text(f"Report: {html}"), soft_wrap=True)


def variants_table(report: Report, *, narrow: bool = False) -> Table:
    """Make the table of accuracies, flips and recovery, one row per model.

    Args:
        report: What to show.
        narrow: Whether the intervals go under their values.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("model", overflow="fold")
    for name in ("bits", "solved", "flips", "restored", "recovery"):
        table.add_column(name, justify="right", no_wrap=True)
    whole = report.main.accuracy.full_precision
    bits = _bits(report.full_precision.bits_per_weight)
    table.add_row(Text(_safe(report.model)), bits, _share(whole, narrow))
    for name, variant in report.variants.items():
        table.add_row(
            Text(_safe(name)), *_cells(variant, narrow), style="bold" if name == report.headline else ""
        )
    return table


def error_picture(report: Report) -> RenderableType | None:
    """Draw the kinds of first faults as bars, or nothing when none were located."""
    mixes = [entry for entry in wording.in_order(report.error_mix) if entry[1].types]
    if not mixes:
        return None
    top = max(share.share.value for _, mix in mixes for share in mix.types.values())
    table = _grid()
    for kind in ErrorType:
        for row, (role, mix) in enumerate(mixes):
            found = mix.types.get(kind)
            share, count = (found.share.value, found.count) if found else (0.0, 0)
            table.add_row(
                kind.value if row == 0 else "",
                Text(wording.ROLES[role].lower(), style=_STYLES[role]),
                Text(bar(share / top if top else 0.0, _BAR_WIDTH), style=_STYLES[role]),
                Text(f"{count:>4}  {wording.percent(share, 0):>4}"),
            )
    return Group(Text("What breaks: kind of the first fault", style="bold"), table)


def position_picture(report: Report) -> RenderableType | None:
    """Draw where in the solution the first faults lie, or nothing when none were located."""
    located = [entry for entry in wording.in_order(report.fault_positions) if entry[1]]
    if not located:
        return None
    shares = [charts.masses(found) for _, found in located]
    top = max(max(values) for values in shares)
    table = _grid()
    for (role, found), values in zip(located, shares, strict=True):
        table.add_row(
            Text(wording.ROLES[role].lower(), style=_STYLES[role]),
            Text("start ") + Text(columns(values, top), style=_STYLES[role]) + Text(" end"),
            Text(f"{wording.count(len(found), 'fault')}, half in the first {wording.middle(found)}"),
        )
    return Group(Text("Where it breaks: first fault relative to the solution's length", style="bold"), table)


def regularities_picture(report: Report) -> RenderableType | None:
    """Say how it goes wrong in a claim or two, or nothing where that was not measured."""
    claims = [one for one in findings.lead(report) if one.title in _CLAIMS]
    if not claims:
        return None
    table = _grid()
    for one in claims:
        table.add_row(Text(one.title.lower(), style="dim"), Text(_safe(one.text)))
    return Group(Text("How it goes wrong, against full precision", style="bold"), table)


def reviews_picture(figures: ReviewFigures) -> RenderableType:
    """Draw what people's reviews say: sentences, who agrees with whom, and the reviewers."""
    said = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    for sentence in reviewed.lead(figures):
        said.add_row("·", Text(_safe(sentence)))
    parts: list[RenderableType] = [Text("Reviewed by people", style="bold"), said]
    lines = [*reviewed.agreement_lines(figures), *reviewed.anchoring_lines(figures)]
    if lines:
        table = _grid()
        for line in lines:
            style = "yellow" if line.kind == "judge" else "blue"
            table.add_row(
                line.name,
                Text(bar(line.share.value, _SHORT_BAR), style=style),
                Text(f"{wording.percent(line.share.value, 0):>4} ({wording.interval(line.share, 0)})"),
                Text(line.of, style="dim"),
            )
        parts += ["", Text("The same first fault", style="bold"), table]
    if figures.reviewers:
        parts += ["", _reviewers_table(figures)]
    return Group(*parts)


def _reviewers_table(figures: ReviewFigures) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("reviewer", overflow="fold")
    for name in ("reviews", "per hour", "planted\nstep right", "wrong hint\nfollowed", "κ with\njudge"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in figures.reviewers:
        kappa = one.with_judge.kappa_first_fault
        table.add_row(
            Text(_safe(one.reviewer)),
            f"{one.reviews:,}",
            "" if one.per_hour is None else f"{one.per_hour:.0f}",
            _whole_share(one.gold_first_fault),
            _whole_share(one.misled),
            "" if kappa is None else f"{kappa.value:.2f} ({reviewed.coefficient(kappa)})",
        )
    return table


def _whole_share(estimate: Interval | None) -> str:
    if estimate is None:
        return ""
    return f"{wording.percent(estimate.value, 0)} ({wording.interval(estimate, 0)})"


def bar(share: float, width: int) -> str:
    """Draw a share of `width` characters in eighths; anything above 0 is visible."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def columns(values: list[float], top: float) -> str:
    """Draw values as columns of one line, two characters each; anything above 0 is visible."""
    heights = [max(round(8 * value / top), 1 if value > 0 else 0) if top else 0 for value in values]
    return "".join(_HEIGHTS[height] * 2 for height in heights)


def _grid() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))


def _cells(variant: VariantReport, narrow: bool) -> list[str]:
    restored, recovery = variant.accuracy.restored, variant.recovery
    cells = [
        _bits(variant.footprint.bits_per_weight),
        _share(variant.accuracy.quantized, narrow),
        f"−{variant.flips.regressions} +{variant.flips.improvements}",
        "" if restored is None else _share(restored, narrow),
    ]
    if recovery is not None:
        cells.append(f"{recovery.value:.2f}{_gap(narrow)}({recovery.low:.2f}–{recovery.high:.2f})")
    return cells


def _bits(bits: float | None) -> str:
    return "" if bits is None else f"{bits:.2f}"


def _share(estimate: Interval, narrow: bool) -> str:
    return f"{wording.percent(estimate.value)}{_gap(narrow)}({wording.interval(estimate)})"


def _gap(narrow: bool) -> str:
    return "\n" if narrow else " "


def _safe(text: str) -> str:
    # Names come from files too, and a terminal obeys control characters.
    return harmless(clip(text, 600)).replace("\n", " ")
