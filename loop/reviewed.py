"""What people's reviews say, in words and rows: alike on the page and in a terminal."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..annotate.argilla.figures import Accord, Judged, ReviewFigures, Said
from ..annotate.statistics import Interval
from . import charts, wording

ENOUGH_BLIND = 30
"""Fewest solutions reviewed blind that tell how good the judge is better than all random ones do."""
MOST_PAIRS = 10
FAR = 4
"""Steps from which on distances are counted together."""
HEADS = {Said.UNTYPED: "kind unknown", Said.CLEAN: "no fault", Said.NOTHING: "no answer"}


class Line(NamedTuple):
    """One share with what it is about."""

    kind: charts.Kind
    name: str
    of: str
    """Of how many of what."""
    share: Interval


class Row(NamedTuple):
    """How well two, or all, agree."""

    name: str
    accord: Accord


def lead(figures: ReviewFigures) -> list[str]:
    """Say what the figures come to, in a few sentences."""
    found = [_counts(figures), _judge(figures), _confidence(figures), _anchoring(figures)]
    found += [
        f"{one.reviewer} followed {wording.percent(one.misled.value, 0)} of the wrong suggestions on planted "
        "faults: read these reviews with care."
        for one in figures.reviewers
        if one.misled is not None and one.misled.low > 0.5
    ]
    return [one for one in found if one is not None]


def trusted(figures: ReviewFigures) -> Judged:
    """What says best how good the judge is: the blind ones of the random share where there are enough."""
    return figures.judge_blind if figures.judge_blind.solutions >= ENOUGH_BLIND else figures.judge


def agreement_lines(figures: ReviewFigures) -> list[Line]:
    """List who names the same first fault as whom."""
    among, judge, blind = figures.among_reviewers, figures.judge, figures.judge_blind
    found = [
        ("People, with each other", among.solutions, among.first_fault),
        ("Judge, as people settled it", judge.labelled, judge.first_fault),
        ("Judge, as settled blind", blind.labelled, blind.first_fault),
    ]
    return [
        Line("judge" if number else "people", name, _solutions(of), share)
        for number, (name, of, share) in enumerate(found)
        if share is not None
    ]


def anchoring_lines(figures: ReviewFigures) -> list[Line]:
    """List how often reviewers name the judge's step, with its suggestion and without."""
    one = figures.anchoring
    found = [
        ("Suggestion shown", one.shown, one.shown_same),
        ("Reviewed blind", one.blind, one.blind_same),
    ]
    return [
        Line("people", name, wording.count(of, "review"), share)
        for name, of, share in found
        if share is not None
    ]


def rows(figures: ReviewFigures) -> list[Row]:
    """List how well who agrees with whom, the largest shared numbers first among pairs."""
    pairs = sorted(figures.pairs, key=lambda one: (-one.accord.solutions, one.first, one.second))
    found = [Row("all reviewers", figures.among_reviewers)] if len(pairs) > 1 else []
    found += [Row(f"{one.first} and {one.second}", one.accord) for one in pairs[:MOST_PAIRS]]
    found += [Row(f"{one.reviewer} and the judge", one.with_judge) for one in figures.reviewers]
    found.append(Row("people's settled verdicts and the judge", figures.with_judge))
    return [one for one in found if one.accord.solutions]


def confusion(figures: ReviewFigures) -> tuple[list[Said], list[Said]]:
    """Choose the rows (people's) and columns (the judge's) of the confusion matrix that hold anything."""
    said = {column for row in figures.confusion.values() for column in row}
    typed = [one for one in Said if one in figures.confusion or one in said]
    both = [one for one in typed if one not in HEADS]
    columns = [one for one in Said if one in both or one in said]
    return [one for one in Said if one in both or one in figures.confusion], columns


def distances(counts: Mapping[int, int]) -> list[tuple[str, int]]:
    """Count distances by step, from as far before as after; those far off are together."""
    reach = min(FAR, max(map(abs, counts), default=0))
    found = dict.fromkeys(range(-reach, reach + 1), 0)
    for step, count in counts.items():
        found[max(-reach, min(reach, step))] += count
    together = any(abs(step) > FAR for step in counts)
    return [(_step(step, together and abs(step) == reach), count) for step, count in found.items()]


def head(said: Said) -> str:
    """Name a row or column of the confusion matrix."""
    return HEADS.get(said, said.value)


def coefficient(estimate: Interval) -> str:
    """Write the interval of a coefficient as `0.55–0.66`."""
    dash = "–" if estimate.low >= 0 else " to "
    return f"{_signed(estimate.low)}{dash}{_signed(estimate.high)}"


def view(figures: ReviewFigures) -> dict[str, Any]:
    """Return what the page's section shows."""
    scale = charts.Scale(0.0, 1.0)
    shown = rows(figures)
    return {
        "figures": figures,
        "lead": lead(figures),
        "groups": [
            {"name": name, "rows": [_plotted(line, scale) for line in lines]}
            for name, lines in (
                ("The same first fault", agreement_lines(figures)),
                ("The judge's first fault, in reviews of the random share", anchoring_lines(figures)),
            )
            if lines
        ],
        "gold": [
            _gold(one.reviewer, one.gold_first_fault, one.misled, scale)
            for one in figures.reviewers
            if one.gold
        ],
        "misleading": any(one.misled is not None for one in figures.reviewers),
        "axis": charts.axis(scale),
        "rows": shown,
        "left_out": max(0, len(figures.pairs) - MOST_PAIRS),
        "coefficient": coefficient,
        "heat": _heat(figures),
        "distance": _distance(figures),
    }


def _counts(figures: ReviewFigures) -> str:
    people = f"{len(figures.reviewers):,} {wording.verb(len(figures.reviewers), 'person', 'people')}"
    said = f"{people} gave {wording.count(figures.reviews, 'review')} of {_solutions(figures.solutions)}"
    if figures.gold:
        said += f" and {wording.count(figures.gold, 'planted fault')}"
    said += f". {figures.settled:,} {wording.verb(figures.settled, 'is', 'are')} settled"
    if figures.adjudicated:
        said += f", {figures.adjudicated:,} of them by another person's decision"
    wait = wording.verb(figures.disputed, "waits", "wait")
    return f"{said}; {figures.disputed:,} {wait} for another person."


def _judge(figures: ReviewFigures) -> str | None:
    judge, blind = figures.judge, figures.judge_blind
    if judge.answered is None:
        return None
    said = f"Of {_solutions(judge.solutions)} that were drawn by chance and settled, the judge labels "
    said += wording.percent(judge.answered.value, 0)
    if judge.first_fault is not None:
        said += f"; people name the same first fault in {_share(judge.first_fault)} of these"
    if judge.error_type is not None:
        said += f" and the same error type in {_share(judge.error_type)}"
    if trusted(figures) is blind and blind.first_fault is not None:
        said += f", and in the {blind.solutions:,} that nobody saw a suggestion on the same first fault in "
        said += _share(blind.first_fault)
    said += "."
    if figures.random_open:
        said += f" {figures.random_open:,} more, perhaps harder ones, are still open."
    return said


def _confidence(figures: ReviewFigures) -> str | None:
    measured = trusted(figures).calibration
    if measured is None:
        return None
    error = measured.error
    value, low, high = (f"{100 * one:.0f}" for one in (error.value, error.low, error.high))
    return f"Its confidence is {value} points off ({low} to {high}; expected calibration error)."


def _anchoring(figures: ReviewFigures) -> str | None:
    one = figures.anchoring
    if one.effect is None or one.shown_same is None or one.blind_same is None:
        return None
    value, low, high = (_points(part) for part in (one.effect.value, one.effect.low, one.effect.high))
    said = (
        f"Reviewers name the judge's step in {wording.percent(one.shown_same.value, 0)} of the reviews that "
        f"show its suggestion and in {wording.percent(one.blind_same.value, 0)} of the blind ones "
        f"({value} points, {low} to {high})"
    )
    if one.effect.low <= 0 <= one.effect.high:
        return f"{said}: chance alone may do that."
    return f"{said}: suggestions {'draw them' if one.effect.low > 0 else 'put them off'}."


def _share(estimate: Interval) -> str:
    return f"{wording.percent(estimate.value, 0)} ({wording.interval(estimate, 0)})"


def _solutions(number: int) -> str:
    return wording.count(number, "solution")


def _points(difference: float) -> str:
    return f"{100 * difference:+.0f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _step(step: int, and_beyond: bool) -> str:
    sign = "−" if step < 0 else "+" if step > 0 else ""
    beyond = ("≤" if step < 0 else "≥") if and_beyond else ""
    return f"{beyond}{sign}{abs(step)}"


def _plotted(line: Line, scale: charts.Scale) -> dict[str, Any]:
    mark = charts.Mark(line.kind, line.share)
    label = f"{line.name}: {_share(line.share)}"
    return {**line._asdict(), "value": _share(line.share), "chart": charts.dots([mark], scale, label)}


def _gold(name: str, right: Interval | None, misled: Interval | None, scale: charts.Scale) -> dict[str, Any]:
    marks: list[charts.Mark] = []
    said: list[str] = []
    if right is not None:
        marks.append(charts.Mark("people", right))
        said.append(f"step named {_share(right)}")
    if misled is not None:
        marks.append(charts.Mark("judge", misled))
        said.append(f"wrong suggestion followed {_share(misled)}")
    value = " · ".join(wording.percent(mark.estimate.value, 0) for mark in marks)
    return {"name": name, "value": value, "chart": charts.dots(marks, scale, "; ".join(said))}


def _heat(figures: ReviewFigures) -> dict[str, Any] | None:
    shown, columns = confusion(figures)
    if not shown or not columns:
        return None
    cells: list[dict[str, Any]] = []
    for row in shown:
        counts = figures.confusion.get(row, {})
        total = max(1, sum(counts.values()))
        found = [
            {
                "count": counts.get(one, 0),
                "share": counts.get(one, 0) / total,
                "same": one is row,
            }
            for one in columns
        ]
        cells.append({"name": head(row), "cells": found})
    return {"columns": [head(one) for one in columns], "rows": cells}


def _distance(figures: ReviewFigures) -> dict[str, Any] | None:
    counted = distances(figures.distances)
    total = sum(figures.distances.values())
    if not total:
        return None
    shares = [count / total for _, count in counted]
    said = ", ".join(f"{name}: {count}" for name, count in counted)
    return {
        "solutions": total,
        "exact": wording.percent(figures.distances.get(0, 0) / total, 0),
        "top": wording.percent(max(shares), 0),
        "chart": charts.histogram("people", shares, max(shares), f"steps from judge to people: {said}"),
        "labels": charts.labels([name for name, _ in counted]),
    }
