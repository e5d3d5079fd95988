"""Calibration on judges of whom it is known how much their confidence is worth."""

from random import Random

import pytest
from firstfault.datasets.records import Verdict, VerdictStatus
from firstfault.judge.calibrate import ENOUGH, Asked, Labelled, _Point, calibrate, fit_curve
from firstfault.judge.voting import Rule

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'firstfault[calibrate]'")

PLACES = 5


def verdict(judge, fault, confidence=None):
    status = VerdictStatus.CLEAN if fault is None else VerdictStatus.FAULTY
    return Verdict(solution_id="s", judge=judge, status=status, first_fault=fault, confidence=confidence)


def labelled(count, worth, *, names=("a",), shared=0.0, seed=0):
    """Judges that state 0.5 to 1 and are right as often as `worth` says of it."""
    rng = Random(seed)
    items = []
    for _ in range(count):
        places = [None, *range(PLACES - 1)]
        truth = rng.choice(places)
        common = rng.random(), rng.random(), rng.choice([one for one in places if one != truth])
        votes = []
        for name in names:
            mine = rng.random(), rng.random(), rng.choice([one for one in places if one != truth])
            sure, luck, wrong = common if rng.random() < shared else mine
            stated = 0.5 + sure / 2
            votes.append(verdict(name, truth if luck < worth(stated) else wrong, stated))
        items.append(Labelled(verdict("people", truth), tuple(votes), PLACES))
    return items


def bragging(stated):
    return 1.4 * (stated - 0.5) + 0.2


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_fitted_curve_finds_what_confidence_is_worth(method):
    found = calibrate([Asked("a", "v1")], labelled(3000, bragging), method=method, seed=1)
    [curve], [quality] = found.curves, found.quality
    assert (curve.judge, curve.asked, curve.method, curve.key) == ("a", "v1", method, "a (v1)")
    for stated in (0.6, 0.75, 0.9):
        assert curve(stated) == pytest.approx(bragging(stated), abs=0.08)
    assert quality.before.error.low > 0.1
    assert quality.after.error.low < 0.01
    assert quality.after.error.value < 0.05
    assert (curve.fitted_on, quality.items) == (1500, 1500)


def test_few_verdicts_get_two_parameters_and_many_a_free_curve():
    methods = [calibrate([Asked("a", "")], labelled(n, bragging)).curves[0].method for n in (400, 2000)]
    assert methods == ["platt", "isotonic"]


def test_too_few_verdicts_or_all_right_are_left_out_with_the_reason():
    few = calibrate([Asked("a", "v1")], labelled(2 * ENOUGH - 2, bragging))
    assert not few.curves
    assert "too few" in few.left_out["a (v1)"]
    perfect = calibrate([Asked("a", "")], labelled(300, lambda _: 1.0))
    assert "are right" in perfect.left_out["a"]
    silent = [
        item._replace(votes=(item.votes[0].model_copy(update={"confidence": None}),))
        for item in labelled(300, bragging)
    ]
    assert "too few verdicts with a confidence" in calibrate([Asked("a", "")], silent).left_out["a"]


def test_the_same_seed_splits_alike():
    items = labelled(300, bragging)
    assert calibrate([Asked("a", "")], items, seed=1) == calibrate([Asked("a", "")], items, seed=1)
    assert calibrate([Asked("a", "")], items, seed=1) != calibrate([Asked("a", "")], items, seed=2)


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_the_panels_own_curve_tells_the_truth_also_where_its_judges_err_together(shared):
    names = ("a", "b", "c")
    items = labelled(1200, bragging, names=names, shared=shared)
    found = calibrate([Asked(name, "") for name in names], items, rule=Rule.WEIGHTED, panel="these")
    assert list(found.of_panel("panel", "these", 3)) == [1, 2, 3]
    quality = found.quality[-1]
    assert quality.key == "panel (these after 3)"
    # Chance alone leaves some 0.04 in ten bins of 600 verdicts.
    assert quality.after.error.low < 0.03
    assert quality.after.error.value < 0.07
    if shared:
        assert quality.before.error.low > quality.after.error.value


@pytest.mark.parametrize(("surest", "high"), [(3, 0.8), (400, 400 / 401)])
def test_a_few_verdicts_that_happen_to_be_right_are_no_certainty(surest, high):
    points = [_Point(0.8, n % 5 > 0) for n in range(1000)]
    points += [_Point(0.99, True)] * surest + [_Point(0.1, False)] * surest
    curve = fit_curve(Asked("a", ""), points, "isotonic")
    assert curve(0.8) == pytest.approx(0.8, abs=0.01)
    assert curve.highest == pytest.approx(high, abs=0.01 if surest < 10 else 0.0001)
    assert curve(0.1) == pytest.approx(1 / (surest + 1), abs=0.001)


def test_a_judge_that_is_the_surer_the_more_it_is_wrong_is_worth_its_accuracy():
    [item] = calibrate([Asked("a", "")], labelled(600, lambda stated: 1.3 - stated), method="platt").curves
    assert item(0.5) == item(1.0) == pytest.approx(0.55, abs=0.07)


def test_a_curve_stays_within_probabilities():
    points = [(0.5, False), (0.5, False), (1.0, True), (1.0, True)]
    for method in ("isotonic", "platt"):
        curve = fit_curve(Asked("a", ""), [_Point(*point) for point in points], method)
        assert 0 <= curve(0.0) <= curve(1.0) <= 1
