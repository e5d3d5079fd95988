"""The statistics agree with published values and with brute force."""

from math import comb

import numpy as np
import pytest
from firstfault.annotate.statistics import (
    bootstrap_drop,
    bootstrap_means,
    clustered_interval,
    difference_interval,
    mcnemar_p,
    wilson_interval,
)
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = st.integers(1, 500).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n)),
)
CLUSTER = st.integers(0, 6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
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


@settings(max_examples=10)
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


def test_the_interval_of_a_difference_is_the_published_one():
    # Newcombe, Stat. Med. 17 (1998) 873-890, table II, method 10, contrasts (a), (c) and (h).
    for first, second, low, high in [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ]:
        found = difference_interval(wilson_interval(*first), wilson_interval(*second))
        assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(first=COUNTS, second=COUNTS)
def test_a_difference_turns_round_with_its_sides_and_stays_possible(first, second):
    a, b = wilson_interval(*first), wilson_interval(*second)
    found, turned = difference_interval(a, b), difference_interval(b, a)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


@given(outcomes=st.lists(st.booleans(), min_size=1, max_size=60))
def test_clusters_of_one_are_no_clusters(outcomes):
    found = clustered_interval([(int(one), 1) for one in outcomes])
    plain = wilson_interval(sum(outcomes), len(outcomes))
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high))


@given(outcomes=st.lists(st.booleans(), min_size=2, max_size=60), copies=st.integers(2, 5))
def test_saying_everything_several_times_adds_nothing(outcomes, copies):
    once = clustered_interval([(int(one), 1) for one in outcomes])
    often = clustered_interval([(copies * one, copies) for one in outcomes])
    assert often.value == pytest.approx(once.value)
    # The two estimates of a variance from n differ by the n - 1 they divide by.
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=0.3)
    assert often.high - often.low >= 0.99 * (once.high - once.low)


@given(
    clusters=st.lists(
        st.integers(0, 6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30
    )
)
def test_clusters_never_tell_more_than_independent_observations(clusters):
    successes, n = sum(one for one, _ in clusters), sum(of for _, of in clusters)
    if not n:
        with pytest.raises(ValueError, match="proportion"):
            clustered_interval(clusters)
        return
    found, plain = clustered_interval(clusters), wilson_interval(successes, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(plain.value)
    assert found.high - found.low >= plain.high - plain.low - 1e-12


def test_intervals_of_clusters_hold_the_truth_as_often_as_they_say():
    # Each item has a rate of its own (uniform), and four people look at it: the mean of all items is 1/2.
    rng = np.random.default_rng(0)
    covered = {"clustered": 0, "plain": 0}
    for _ in range(600):
        heads = rng.binomial(4, rng.uniform(0, 1, size=40))
        clustered = clustered_interval([(int(one), 4) for one in heads])
        plain = wilson_interval(int(heads.sum()), 160)
        covered["clustered"] += clustered.low <= 0.5 <= clustered.high
        covered["plain"] += plain.low <= 0.5 <= plain.high
    assert covered["clustered"] / 600 > 0.93
    assert covered["plain"] / 600 < 0.90


def test_means_of_columns_have_intervals_from_the_same_draws():
    rising = [float(n) for n in range(40)]
    first, twice, constant = bootstrap_means([rising, [2 * value for value in rising], [0.1] * 40])
    assert first.value == 19.5
    assert first.low < first.value < first.high
    # About 1.96 standard errors to either side.
    error = (sum((value - 19.5) ** 2 for value in rising) / 40 / 40) ** 0.5
    assert first.high - first.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert (twice.low, twice.high) == pytest.approx((2 * first.low, 2 * first.high))
    assert constant.low == pytest.approx(0.1) == constant.high
    assert bootstrap_means([]) == []
    with pytest.raises(ValueError, match="same number"):
        bootstrap_means([[1.0], [1.0, 2.0]])
