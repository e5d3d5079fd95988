from random import Random

import pytest
from firstfault.annotate.calibration_error import measure_reliability
from hypothesis import given, settings
from hypothesis import strategies as st


def test_the_error_is_the_weighted_distance_of_the_bins():
    # Three at 0.9 of which two are right, one at 0.2 that is right.
    found = measure_reliability([0.9, 0.9, 0.9, 0.2], [True, True, False, True])
    assert found.error.value == pytest.approx(3 / 4 * abs(0.9 - 2 / 3) + 1 / 4 * 0.8)
    assert [(one.items, one.confidence, one.right) for one in found.bins] == [
        (1, 0.2, 1.0),
        (3, 0.9, pytest.approx(2 / 3, abs=1e-4)),
    ]


@settings(max_examples=15)
@given(
    points=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30),
    seed=st.integers(0, 3),
)
def test_the_error_lies_in_its_interval_and_the_bins_hold_every_item(points, seed):
    confidence, right = [one for one, _ in points], [one for _, one in points]
    found = measure_reliability(confidence, right, seed=seed)
    assert 0 <= found.error.low <= found.error.value <= found.error.high <= 1
    assert sum(one.items for one in found.bins) == len(points)


def test_the_interval_of_confidence_that_tells_the_truth_reaches_zero_and_of_bragging_does_not():
    rng = Random(0)
    stated = [rng.choice([0.35, 0.55, 0.75, 0.95]) for _ in range(2000)]
    right = [rng.random() < one for one in stated]
    assert measure_reliability(stated, right).error.low < 0.005
    bragging = measure_reliability([min(1.0, one + 0.2) for one in stated], right).error
    assert bragging.low > 0.1


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(ValueError, match="compared"):
        measure_reliability([], [])
    with pytest.raises(ValueError, match="compared"):
        measure_reliability([0.5], [True, False])
