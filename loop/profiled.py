"""Divergences in pictures and words, as the page shows them."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ..datasets.records import Split
from ..datasets.showing import clip
from . import charts, wording
from .aligned import Cell
from .profile import MarkedToken, Profile
from .regularities import Labels, LocatorName
from .report import Regression, Report
from .typeset import Formula, formulas, part, typeset

LOUD = 2.0
"""KL divergence from which on a token is shaded fully, in nats."""
MOST_CHARACTERS = 1200
"""Of a step that is shaded; a longer one is clipped and plain."""
MOST_STEPS = 40
"""Steps whose figures a screen reader says."""
_LOCATORS: dict[LocatorName, str] = {
    "alignment": "Both solutions part (step alignment)",
    "divergence": "First choice that differs (divergence)",
    "largest_divergence": "Largest divergence",
}
_LABELS: dict[Labels, str] = {"truth": "by the truth", "panel": "by the judges"}
_SPLITS = {Split.HELD_OUT: "Held-out", Split.MINING: "Mined"}


def shaded(regression: Regression, cell: Cell) -> Markup:
    """Return the text of a quantized step, divergent tokens shaded, the first choice that differs framed."""
    profile = regression.profile
    steps = regression.quantized.steps
    if profile is None or cell.number > len(steps) or len(cell.text) > MOST_CHARACTERS:
        return typeset(cell.text, MOST_CHARACTERS)
    step = steps[cell.number - 1]
    # Places are in the step as written, whose label is not shown.
    shift = len(step) - len(cell.text)
    if not step.endswith(cell.text):
        return typeset(cell.text, MOST_CHARACTERS)
    set_as_maths = formulas(cell.text)
    parting = profile.parting
    tokens = {token.token: token for token in (*profile.marked, *filter(None, [parting]))}
    places = [
        (*_place(cell.text, token, shift, set_as_maths), token)
        for _, token in sorted(tokens.items())
        if token.step == cell.number - 1
    ]
    parts: list[Markup] = []
    done = 0
    # What is set as maths is shaded as a whole, as its most divergent token is.
    for (start, end), group in groupby(places, key=lambda place: place[:2]):
        marked = [token for _, _, token in group]
        start = max(start, done)
        if not cell.text[start:end]:
            continue
        kl = max(token.kl for token in marked)
        parts += [
            part(cell.text, set_as_maths, done, start),
            Markup('<mark class="{}{}" title="{}">{}</mark>').format(
                "parting " if parting is not None and parting in marked else "",
                charts.depth(kl / LOUD),
                f"KL divergence {kl:.2f} nats",
                part(cell.text, set_as_maths, start, end),
            ),
        ]
        done = end
    return Markup("").join([*parts, part(cell.text, set_as_maths, done, len(cell.text))])


def _place(text: str, token: MarkedToken, shift: int, set_as_maths: Sequence[Formula]) -> tuple[int, int]:
    """Return what is shaded for a token: its characters, or all of the formula that it is in."""
    start = max(token.start - shift, 0)
    end = max(token.end - shift, start)
    # Most tokens of words bring the space before them.
    start += len(text[start:end]) - len(text[start:end].lstrip())
    for one in set_as_maths:
        if start < one.end and one.start < end:
            start, end = min(start, one.start), max(end, one.end)
    return start, end


def view(regression: Regression) -> dict[str, Any] | None:
    """Return the strips of one example; `None` where its divergence was not computed."""
    profile = regression.profile
    if profile is None or not profile.kl:
        return None
    fault = regression.verdict.first_fault if regression.verdict is not None else None
    ruler = _ruler(profile, fault)
    said = _said(profile, fault)
    by_step = {
        "KL divergence": _by_step("sum", [(one.step, one.kl) for one in profile.steps]),
        "Entropy": _by_step("mean", [(one.step, one.entropy) for one in profile.steps]),
        "Margin": _by_step("sum", [(one.step, one.margin) for one in profile.steps]),
    }
    # Each lane's own scale, but no smaller than this: a ripple should look like one.
    lanes = [
        ("quantized", "KL divergence", "nats", profile.kl, 0.5, 44),
        ("full_precision", "Entropy", "of full precision", profile.entropy, 0.5, 24),
        ("full_precision", "Margin", "full − quantized", profile.margin, 1.0, 40),
    ]
    return {
        "words": said,
        "lanes": [
            {
                "role": role,
                "name": name,
                "detail": detail,
                "top": f"{max(values, key=abs):.2f}".replace("-", "−"),
                "chart": charts.strip(
                    values,
                    max(least, *map(abs, values)),
                    height,
                    ruler,
                    f"{name} at each token. {by_step[name]}",
                ),
            }
            for role, name, detail, values, least, height in lanes
        ],
        "axis": charts.spans(
            [(_at(profile, one.first + one.tokens / 2), str(one.step + 1)) for one in profile.steps]
        ),
        "parts": profile.parting is not None,
        "judged": ruler.band is not None,
    }


def _by_step(what: str, values: Sequence[tuple[int, float]]) -> str:
    shown = [f"{step + 1}: {value:.2f}" for step, value in values[:MOST_STEPS]]
    rest = f", and {len(values) - MOST_STEPS} more" if len(values) > MOST_STEPS else ""
    return f"{what.capitalize()} by step, in nats: {', '.join(shown)}{rest}"


def _ruler(profile: Profile, fault: int | None) -> charts.Ruler:
    faulty = next((one for one in profile.steps if one.step == fault), None)
    parting = profile.parting
    return charts.Ruler(
        edges=tuple(_at(profile, one.first) for one in profile.steps[1:]),
        band=None
        if faulty is None
        else (_at(profile, faulty.first), _at(profile, faulty.first + faulty.tokens)),
        mark=None if parting is None else _at(profile, parting.token + 0.5),
    )


def _at(profile: Profile, token: float) -> float:
    """Return where a token begins, in percent of the width."""
    return round(100 * token / (len(profile.kl) * profile.per_bar), 2)


def _said(profile: Profile, fault: int | None) -> str:
    parting = profile.parting
    if parting is None:
        return "At every token both models' first choice is the same."
    where = _against(parting, fault)
    return (
        f"The first choice that differs is in step {parting.step + 1}: “{_quoted(parting.text)}” is written, "
        f"full precision would most likely write “{_quoted(profile.preferred or '')}”{where}."
    )


def _against(parting: MarkedToken, fault: int | None) -> str:
    if fault is None:
        return ""
    if parting.step == fault:
        return ". The judges find the first fault in the same step"
    where = "behind" if parting.step < fault else "before"
    return f". The judges find the first fault {where} it, in step {fault + 1}"


def _quoted(text: str) -> str:
    return clip(text.strip() or text.replace("\n", "⏎").replace(" ", "␣"), 40)


def locators(report: Report) -> dict[str, Any] | None:
    """Return the table of locators; `None` where they were not measured."""
    if not report.locators:
        return None
    columns: list[tuple[Split, Labels]] = list(
        dict.fromkeys((row.split, row.labels) for row in report.locators)
    )
    found = {(row.locator, row.split, row.labels): row.found for row in report.locators}
    heads = [
        {"name": f"{_SPLITS[split]}, {_LABELS[labels]}", "cases": found["alignment", split, labels].cases}
        for split, labels in columns
    ]
    rows: list[dict[str, Any]] = []
    for locator, name in _LOCATORS.items():
        cells: list[dict[str, str]] = []
        for head, (split, labels) in zip(heads, columns, strict=True):
            one = found[locator, split, labels]
            assert one.exact is not None
            cells.append(
                {
                    "label": str(head["name"]),
                    "value": wording.percent(one.exact.value),
                    "interval": wording.interval(one.exact),
                    "others": f"{one.before:,} before, {one.behind:,} behind",
                }
            )
        rows.append({"name": name, "cells": cells})
    return {"heads": heads, "rows": rows}
