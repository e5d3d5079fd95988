"""`report.html`: one page that needs nothing else, neither the network nor scripts.

Everything from models, problems and judges is untrusted: it is escaped by the template engine,
freed of invisible characters, clipped where no one would read on, and the page's own policy
forbids scripts and requests should anything slip through.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..annotate.statistics import Interval
from ..datasets.funnel import Gate
from ..datasets.records import ErrorType, Pair
from ..datasets.showing import clip, harmless
from . import charts, profiled, regular, reviewed, wording
from .aligned import aligned_rows
from .heat import heat_view
from .report import ErrorMix, Regression, Report, Role
from .typeset import typeset, typeset_answer

if TYPE_CHECKING:
    from jinja2 import Environment, Template

TEMPLATES = Path(__file__).parent / "templates"
_TEMPLATE = "report.html.jinja"


def render(report: Report) -> str:
    """Return the page."""
    return _template().render(context(report))


@cache
def _template() -> "Template":
    return environment(TEMPLATES).get_template(_TEMPLATE)


def environment(*folders: Path) -> "Environment":
    """Return what renders templates: all that they show is escaped, and their filters make it harmless."""
    # Imported here: the terminal needs no templates.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        autoescape=True,
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(_filters())
    return made


def _filters() -> dict[str, Any]:
    return {
        "percent": wording.percent,
        "share": wording.share,
        "interval": wording.interval,
        "p_value": wording.p_value,
        "size": wording.size,
        "duration": wording.duration,
        "shown": shown,
        "typeset": typeset,
        "answer": typeset_answer,
        "depth": charts.depth,
        "counted": wording.count,
    }


def shown(text: object, most: int = 1200) -> str:
    """Return untrusted text as it may be shown, but for the escaping."""
    # Clipped first: nobody waits for a megabyte to be cleaned and thrown away.
    return harmless(clip(str(text), most))


def context(report: Report) -> dict[str, Any]:
    """Return what the templates of a report are rendered with."""
    return {
        "report": report,
        "title": shown(wording.title(report), 300),
        "summary": [shown(sentence) for sentence in wording.summary(report)],
        "tuned": shown(tuned) if (tuned := wording.format_tuning(report)) else None,
        "roles": wording.ROLES,
        "plot": _accuracy_plot(report),
        "mix": _mix(report),
        "histograms": _histograms(report),
        "gates": _gates(report.funnel),
        "curves": _curves(report),
        "judges": _judges(report),
        "reviewed": reviewed.view(report.reviews) if report.reviews is not None else None,
        "regular": regular.view(report),
        "located": profiled.locators(report),
        "heat": heat_view(report.sensitivity) if report.sensitivity is not None else None,
        "aligned": aligned_rows,
        "shaded": profiled.shaded,
        "profile_of": profiled.view,
        "pair_sides": pair_sides,
        "kinds": _kinds(report.regressions),
    }


def pair_sides(pair: Pair) -> list[tuple[str, str, str]]:
    """Return (class, name, text) of a pair's three parts."""
    return [
        ("shared", "Prompt: the question and the right steps so far", pair.prompt),
        ("chosen", "Chosen", pair.chosen),
        ("rejected", "Rejected", pair.rejected),
    ]


def _accuracy_plot(report: Report) -> dict[str, Any]:
    whole = report.main.accuracy.full_precision
    estimates = [whole]
    for variant in report.variants.values():
        estimates += [variant.accuracy.quantized, *filter(None, [variant.accuracy.restored])]
    scale = charts.scale_for(estimates)
    first = charts.Mark("full_precision", whole)
    rows: list[dict[str, Any]] = [
        {
            "name": report.model,
            "detail": "full precision",
            "value": wording.percent(whole.value),
            "chart": charts.dots([first], scale, f"full precision {_said(whole)}"),
        }
    ]
    for name, variant in report.variants.items():
        accuracy = variant.accuracy
        marks = [charts.Mark("quantized", accuracy.quantized)]
        said, value = f"quantized {_said(accuracy.quantized)}", wording.percent(accuracy.quantized.value)
        if accuracy.restored is not None:
            marks.append(charts.Mark("restored", accuracy.restored))
            said += f", restored {_said(accuracy.restored)}"
            value += f" → {wording.percent(accuracy.restored.value)}"
        guide = accuracy.full_precision.value
        chart = charts.dots(marks, scale, f"{name}: {said}", guide=guide)
        detail = " ".join(filter(None, [variant.method, variant.scheme]))
        rows.append({"name": name, "detail": detail, "value": value, "chart": chart})
    restored = any(variant.accuracy.restored for variant in report.variants.values())
    return {"rows": rows, "axis": charts.axis(scale), "restored": restored}


def _said(estimate: Interval) -> str:
    return f"{wording.percent(estimate.value)} ({wording.interval(estimate)})"


def _mix(report: Report) -> dict[str, Any] | None:
    mixes: dict[Role, ErrorMix] = {role: mix for role, mix in wording.in_order(report.error_mix) if mix.types}
    if not mixes:
        return None
    scale = charts.Scale(0.0, max(s.share.high for mix in mixes.values() for s in mix.types.values()))
    groups: list[dict[str, Any]] = []
    for kind in ErrorType:
        bars: list[dict[str, Any]] = []
        for role, mix in mixes.items():
            share = mix.types.get(kind)
            if share is None:
                bars.append({"role": role, "count": 0, "chart": None, "share": "0%", "interval": ""})
                continue
            bars.append(
                {
                    "role": role,
                    "count": share.count,
                    "chart": charts.bar(
                        role, share.share, scale, f"{wording.ROLES[role]} {_said(share.share)}"
                    ),
                    "share": wording.percent(share.share.value, 0),
                    "interval": wording.interval(share.share, 0),
                }
            )
        groups.append({"kind": kind.value, "bars": bars})
    coarse = {role: wording.coarse_mix(mix) for role, mix in mixes.items()}
    return {"groups": groups, "mixes": mixes, "coarse": coarse}


def _histograms(report: Report) -> list[dict[str, Any]]:
    shown = [entry for entry in wording.in_order(report.fault_positions) if entry[1]]
    shares: dict[Role, list[float]] = {role: charts.masses(positions) for role, positions in shown}
    top = max((max(values) for values in shares.values()), default=1.0)
    return [
        {
            "role": role,
            "count": len(positions),
            "words": f"half lie in the first {wording.middle(positions)} of the solution",
            "top": wording.percent(top, 0),
            "chart": charts.histogram(
                role,
                shares[role],
                top,
                "share of first faults in each tenth of the solution: "
                + ", ".join(wording.percent(share, 0) for share in shares[role]),
            ),
        }
        for role, positions in shown
    ]


def _gates(funnel: Sequence[Gate]) -> list[dict[str, Any]]:
    # One scale for all, so that each gate's bar starts as long as the last one's ended.
    most = max((gate.entered for gate in funnel), default=0)
    return [
        {
            "gate": gate,
            "chart": charts.passed(
                gate.kept, gate.entered, most, f"{gate.name}: {gate.kept} of {gate.entered}"
            ),
        }
        for gate in funnel
    ]


def _judges(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": row.agreement.judge,
            "cases": row.cases,
            "count": row.agreement.items,
            "answered": row.agreement.items - row.agreement.abstained,
            "cells": [
                ("Exact first fault", row.agreement.first_fault),
                ("Error type", row.agreement.error_type),
                ("False alarms", row.agreement.false_alarms),
            ],
        }
        for row in report.judges
    ]


def _curves(report: Report) -> list[dict[str, Any]]:
    wanted = (
        ("loss", "Training loss", False),
        ("preferred", "Pairs whose right side is preferred", True),
        ("accuracy", "Validation problems solved", True),
    )
    found: list[dict[str, Any]] = []
    for field, name, is_share in wanted:
        values = [
            (float(p.step), getattr(p, field)) for p in report.training if getattr(p, field) is not None
        ]
        if len(values) < 2:
            continue
        high = 1.0 if is_share else max(value for _, value in values)
        low = min(0.0, *(value for _, value in values))
        end = values[-1][1]
        said = wording.percent(end, 0) if is_share else f"{end:.3f}"
        start = wording.percent(values[0][1], 0) if is_share else f"{values[0][1]:.3f}"
        chart = charts.curve(values, low, max(high, low + 1e-9), f"{name}: from {start} to {said}")
        top = "100%" if is_share else f"{high:.2f}"
        found.append(
            {"name": name, "chart": chart, "words": f"{start} → {said}", "top": top, "low": f"{low:.3g}"}
        )
        found[-1]["last"] = int(values[-1][0])
    return found


def _kinds(regressions: Sequence[Regression]) -> list[str]:
    present = {r.verdict.error_type for r in regressions if r.verdict is not None and r.verdict.error_type}
    return [kind.value for kind in ErrorType if kind in present]
