"""The statistics agree with published values and with brute force."""

from math import comb

import numpy as np
import pytest
from firstfault.annotate.statistics import bootstrap_drop, mcnemar_p, wilson_interval
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = st.integers(1, 500).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n)),
)
FLIPS = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60)).map(
    lambda t: (t[0], t[1], sum(t)),
)


def test_the_wilson_interval_is_the_published_one():
    # Newcombe, Stat. Med. 17 (1998), table I, method 3.
    for successes, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]:
        interval = wilson_interval(successes, n)
        assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(counts=COUNTS)
def test_the_wilson_interval_holds_the_estimate_within_0_and_1_and_is_symmetric(counts):
    successes, n = counts
    interval, mirrored = wilson_interval(successes, n), wilson_interval(n - successes, n)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirrored.high)


@given(counts=COUNTS)
def test_more_problems_and_less_confidence_narrow_the_wilson_interval(counts):
    successes, n = counts
    width = [i.high - i.low for i in (wilson_interval(successes, n), wilson_interval(10 * successes, 10 * n))]
    narrow = wilson_interval(successes, n, confidence=0.5)
    assert width[1] < width[0]
    assert narrow.high - narrow.low < width[0]


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_proportions_are_refused(successes, n):
    with pytest.raises(ValueError, match="proportion"):
        wilson_interval(successes, n)


@given(b=st.integers(0, 80), c=st.integers(0, 80))
def test_the_exact_mcnemar_test_is_the_doubled_binomial_tail(b, c):
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
    assert mcnemar_p(b, c) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar_p(b, c) == mcnemar_p(c, b)


def test_without_flips_there_is_no_evidence():
    assert mcnemar_p(0, 0) == 1.0


@given(flips=FLIPS, seed=st.integers(0, 2**32))
def test_the_bootstrap_interval_holds_the_drop_and_repeats_for_a_seed(flips, seed):
    interval = bootstrap_drop(*flips, seed=seed)
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    assert interval == bootstrap_drop(*flips, seed=seed)


@settings(max_examples=10, deadline=None)
@given(flips=FLIPS)
def test_drawing_counts_equals_resampling_pairs(flips):
    regressions, improvements, n = flips
    outcomes = np.array([1] * regressions + [-1] * improvements + [0] * (n - regressions - improvements))
    drops = np.random.default_rng(1).choice(outcomes, (4000, n)).mean(axis=1)
    interval = bootstrap_drop(*flips)
    spread = 5 * drops.std() / 10
    assert interval.low == pytest.approx(np.quantile(drops, 0.025), abs=spread + 1 / n)
    assert interval.high == pytest.approx(np.quantile(drops, 0.975), abs=spread + 1 / n)


@pytest.mark.parametrize("flips", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_impossible_flips_are_refused(flips):
    with pytest.raises(ValueError, match="flips"):
        bootstrap_drop(*flips)
