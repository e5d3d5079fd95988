"""Calibrating judges: fitting what their confidence is worth on labelled solutions.

A verdict is right when it names the first fault exactly, or rightly says that there is none. Curves are
fitted to one half of the solutions and reported on the other, the same halves for all judges. The panel's
own curves turn the probability that independent judges would give into the share that is right, one for
each number of votes, since judges who err together look the surer the more of them there are. They are
fitted with members that were calibrated on other solutions.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Literal, NamedTuple

from ..annotate.calibration_error import Reliability, measure_reliability
from ..datasets.errors import ConfigError
from ..datasets.records import Verdict
from .curve import Calibration, Curve, Quality, after, calibrated, key_of
from .panel import PanelJudge, combine
from .voting import USABLE, Rule

ENOUGH = 50
"""Fewest verdicts with a confidence to fit a curve to, and to report it on."""

MANY = 1_000
"""From so many on isotonic regression is better than Platt's two parameters (Niculescu-Mizil and Caruana,
"Predicting Good Probabilities With Supervised Learning", ICML 2005, figure 8)."""

_FOLDS = 5
_GRID = 100

Method = Literal["auto", "isotonic", "platt"]


class Asked(NamedTuple):
    """A judge of the panel."""

    judge: str
    asked: str
    """How; see `Curve`."""


class Labelled(NamedTuple):
    """A labelled solution and what the judges say of it."""

    truth: Verdict
    votes: tuple[Verdict, ...]
    """One per judge, in their order, with the confidence as stated."""
    places: int
    """Number of possible first faults, "none" included."""


class _Point(NamedTuple):
    confidence: float
    is_right: bool


def calibrate(
    judges: Sequence[Asked],
    items: Sequence[Labelled],
    *,
    rule: Rule = Rule.WEIGHTED,
    panel: str = "",
    method: Method = "auto",
    seed: int = 0,
) -> Calibration:
    """Fit a curve per judge, and one per number of votes for a panel of several.

    Args:
        judges: The panel, in order.
        items: What they say of labelled solutions; those neither faulty nor clean are left out.
        rule: How the panel votes.
        panel: What the panel's own curves belong to.
        method: `auto` is isotonic from 1,000 verdicts on, else Platt's.
        seed: Of the split and the intervals.

    Returns:
        The curves. A judge with fewer than 50 verdicts on either half, or whose verdicts are all right
        or all wrong, is left out with the reason.

    Raises:
        ConfigError: If scikit-learn is not installed.
    """
    known = [item for item in items if item.truth.status in USABLE]
    order = list(range(len(known)))
    Random(seed).shuffle(order)
    half = (len(order) + 1) // 2
    fitting, reporting = [known[n] for n in order[:half]], [known[n] for n in order[half:]]
    curves: dict[int, Curve] = {}
    made: list[Curve] = []
    quality: list[Quality] = []
    left_out: dict[str, str] = {}

    def fit(one: Asked, points: Sequence[_Point], report: Sequence[_Point]) -> Curve | None:
        reason = _too_little(points, report)
        if reason is not None:
            left_out[key_of(*one)] = reason
            return None
        curve = fit_curve(one, points, method)
        made.append(curve)
        quality.append(_quality(curve, report, seed))
        return curve

    for place, one in enumerate(judges):
        curve = fit(one, _points(fitting, place), _points(reporting, place))
        if curve is not None:
            curves[place] = curve
    if len(judges) > 1 and curves:
        grown = _panel_points(judges, fitting, rule, method)
        for size in range(1, len(judges) + 1):
            report = [point for item in reporting for point in _after(size, item, curves, rule)]
            fit(Asked(PanelJudge.name, after(panel, size)), grown[size - 1], report)
    return Calibration(curves=tuple(made), quality=tuple(quality), left_out=left_out, seed=seed)


def fit_curve(one: Asked, points: Sequence[_Point], method: Method) -> Curve:
    """Fit a curve to what a judge said and whether it was right.

    Isotonic regression (Zadrozny and Elkan, KDD 2002), its ends drawn in, or Platt's sigmoid (1999) of the
    confidence, the latter kept as its values at 101 knots.

    Raises:
        ConfigError: If scikit-learn is not installed.
    """
    chosen = method if method != "auto" else ("isotonic" if len(points) >= MANY else "platt")
    stated, right = [point.confidence for point in points], [float(point.is_right) for point in points]
    knots, values = (_isotonic if chosen == "isotonic" else _platt)(stated, right)
    return Curve(
        judge=one.judge,
        asked=one.asked,
        method=chosen,
        stated=tuple(round(knot, 6) for knot in knots),
        right=tuple(round(value, 6) for value in values),
        fitted_on=len(points),
    )


def _isotonic(stated: list[float], right: list[float]) -> tuple[list[float], list[float]]:
    # Isotonic regression calls the few surest verdicts 100% right where they happen to be. One wrong verdict
    # more among the surest, and one right among the least sure, make such ends as wide as they have to be:
    # the one is what Venn-Abers predictors give as their lower probability there, the other the upper one
    # (Vovk and Petej, "Venn-Abers Predictors", UAI 2014).
    model: Any = _sklearn("isotonic").IsotonicRegression(y_min=0.0, y_max=1.0)
    model.fit([min(stated), *stated, max(stated)], [1.0, *right, 0.0])
    return model.X_thresholds_.tolist(), model.y_thresholds_.tolist()


def _platt(stated: list[float], right: list[float]) -> tuple[list[float], list[float]]:
    model: Any = _sklearn("linear_model").LogisticRegression(C=1e3)
    model.fit([[one] for one in stated], right)
    knots = [n / _GRID for n in range(_GRID + 1)]
    values: list[float] = model.predict_proba([[knot] for knot in knots])[:, 1].tolist()
    # A judge that is the surer the more it is wrong tells nothing that a curve could say.
    if values[0] > values[-1]:
        values = [sum(right) / len(right)] * len(knots)
    return knots, values


def require_sklearn() -> None:
    """Refuse to begin where curves can't be fitted.

    Raises:
        ConfigError: If scikit-learn is not installed.
    """
    _sklearn("isotonic")


def _sklearn(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"sklearn.{module}")
    except ImportError:
        raise ConfigError(
            "calibrating needs scikit-learn, which is not installed",
            hint="pip install 'firstfault[calibrate]'",
        ) from None


def _points(items: Sequence[Labelled], place: int) -> list[_Point]:
    votes = [(item.votes[place], item.truth) for item in items]
    return [
        _Point(vote.confidence, _is_right(vote, truth))
        for vote, truth in votes
        if vote.status in USABLE and vote.confidence is not None
    ]


def _is_right(vote: Verdict, truth: Verdict) -> bool:
    return vote.first_fault == truth.first_fault


def _too_little(fit: Sequence[_Point], report: Sequence[_Point]) -> str | None:
    fewest = min(len(fit), len(report))
    if fewest < ENOUGH:
        return f"too few verdicts with a confidence: {fewest} in a half, at least {ENOUGH} are needed"
    outcomes = {point.is_right for point in fit}
    if len(outcomes) == 1:
        return f"all {len(fit)} verdicts to fit to are {'right' if outcomes.pop() else 'wrong'}"
    return None


def _quality(curve: Curve, report: Sequence[_Point], seed: int) -> Quality:
    right = [point.is_right for point in report]

    def reliability(confidence: Sequence[float]) -> Reliability:
        return measure_reliability(confidence, right, seed=seed)

    stated = [point.confidence for point in report]
    return Quality(
        key=curve.key,
        items=len(report),
        before=reliability(stated),
        after=reliability([curve(one) for one in stated]),
    )


def _panel_points(
    judges: Sequence[Asked], items: Sequence[Labelled], rule: Rule, method: Method
) -> list[list[_Point]]:
    """What the panel says after one vote, two, ..., its members calibrated on the other folds."""
    points: list[list[_Point]] = [[] for _ in judges]
    for fold in range(_FOLDS):
        others = [item for n, item in enumerate(items) if n % _FOLDS != fold]
        curves: dict[int, Curve] = {}
        for place, one in enumerate(judges):
            fit = _points(others, place)
            if _too_little(fit, fit) is None:
                curves[place] = fit_curve(one, fit, method)
        for item in items[fold::_FOLDS]:
            for size, same in enumerate(points, 1):
                same += _after(size, item, curves, rule)
    return points


def _after(size: int, item: Labelled, curves: dict[int, Curve], rule: Rule) -> list[_Point]:
    """What the panel says after so many votes; nothing where that is no label."""
    votes = [
        calibrated(vote, curves[place]) if place in curves else vote
        for place, vote in enumerate(item.votes[:size])
    ]
    verdict = combine(votes, item.places, rule, {curve.judge for curve in curves.values()})
    if verdict.status not in USABLE or verdict.confidence is None:
        return []
    return [_Point(verdict.confidence, _is_right(verdict, item.truth))]
