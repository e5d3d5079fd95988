import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Solution
from firstfault.restore.recovery import recovery
from firstfault.restore.seeds import recovery_over_seeds
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

DRAWS = 400


def model(correct) -> list[Solution]:
    return [
        Solution(problem_id=f"p{n}", model="m", text="", correct=bool(one)) for n, one in enumerate(correct)
    ]


FULL = model([True] * 100)
QUANTIZED = model([False] * 40 + [True] * 60)


def restored(count: int) -> list[Solution]:
    """One that got back `count` of 40."""
    return model([True] * count + [False] * (40 - count) + [True] * 60)


def test_the_mean_is_over_seeds():
    found = recovery_over_seeds(FULL, QUANTIZED, [restored(40), restored(20)])
    assert found.value == pytest.approx(0.75)
    assert found.low < 0.75 < found.high


def test_of_one_seed_the_interval_is_that_of_recovery():
    one = recovery(FULL, QUANTIZED, restored(30))
    same = recovery_over_seeds(FULL, QUANTIZED, [restored(30)])
    assert (same.value, same.problems) == (one.value, one.problems)
    assert same.low == pytest.approx(one.low, abs=0.02)
    assert same.high == pytest.approx(one.high, abs=0.02)


def test_seeds_that_differ_widen_the_interval_and_a_difference_on_the_same_problems_is_narrower():
    alike = recovery_over_seeds(FULL, QUANTIZED, [restored(30)] * 5)
    apart = recovery_over_seeds(FULL, QUANTIZED, [restored(n) for n in (10, 40, 30, 40, 30)])
    assert apart.value == alike.value
    assert apart.high - apart.low > 1.2 * (alike.high - alike.low)
    other = recovery_over_seeds(FULL, QUANTIZED, [restored(32)] * 5, against=[restored(30)] * 5)
    assert other.value == pytest.approx(0.05)
    assert other.high - other.low < 0.6 * (alike.high - alike.low)


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=1, max_size=40))
def test_a_way_differs_from_itself_by_nothing_and_from_another_by_what_it_is_better(results):
    full, quantized, one, other = (model(column) for column in zip(*results, strict=True))
    same = recovery_over_seeds(full, quantized, [one], against=[one], draws=DRAWS)
    there = recovery_over_seeds(full, quantized, [one], against=[other], draws=DRAWS)
    back = recovery_over_seeds(full, quantized, [other], against=[one], draws=DRAWS)
    if same.value is None:
        assert there.value is back.value is None
        assert sum(row[0] - row[1] for row in results) <= 0
        return
    assert same.value == 0
    assert there.value == pytest.approx(-back.value)
    if same.low is not None:
        assert (same.low, same.high) == (0, 0)
        assert there.low <= there.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    # Seeds of a true recovery of 0.6 that scatter by 0.15, on problems of which 30% are lost.
    rng = default_rng(5)
    held = 0
    for _ in range(200):
        lost = rng.random(300) < 0.3
        ways = [
            model(~lost | (rng.random(300) < level))
            for level in (0.6 + 0.15 * rng.standard_normal(5)).clip(0, 1)
        ]
        found = recovery_over_seeds(model([True] * 300), model(~lost), ways, draws=DRAWS)
        held += found.low <= 0.6 <= found.high
    # A percentile interval of five seeds is known to be somewhat short.
    assert 0.86 <= held / 200 <= 0.99


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(InputError, match="no seed"):
        recovery_over_seeds(FULL, QUANTIZED, [])
    with pytest.raises(InputError, match="problem p99 is not solved by all models"):
        recovery_over_seeds(FULL, QUANTIZED, [restored(3), restored(3)[:-1]])
    with pytest.raises(InputError, match="problem p99 is not solved by all models"):
        recovery_over_seeds(FULL, QUANTIZED, [restored(3)], against=[restored(3)[:-1]])
