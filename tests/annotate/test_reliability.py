from collections import Counter
from itertools import permutations
from random import Random

import pytest
from firstfault.annotate.reliability import cohen_kappa, krippendorff_alpha
from firstfault.annotate.statistics import Interval
from hypothesis import given, settings
from hypothesis import strategies as st

ratings = st.lists(st.tuples(*[st.sampled_from("abc") | st.none()] * 2), max_size=30)
many = st.lists(st.lists(st.sampled_from("abc") | st.none(), max_size=5), max_size=20)


def test_kappa_of_a_textbook_table():
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    kappa = cohen_kappa([pair for pair, count in table.items() for _ in range(count)])
    assert kappa.value == pytest.approx(0.4)
    assert 0.1 < kappa.low < 0.2 < 0.6 < kappa.high < 0.7


def test_alpha_of_krippendorffs_own_example():
    # "Computing Krippendorff's alpha-reliability" (2011), section B: nominal data, two observers.
    pairs = list(zip("aabbdcccedda", "babbbccceddd", strict=True))
    assert krippendorff_alpha(pairs).value == pytest.approx(0.692, abs=5e-4)


def test_alpha_of_krippendorffs_own_example_with_many_observers_and_gaps():
    # Section C of the same: nominal data, four observers, missing ratings.
    observers = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    items = [[None if one == "." else one for one in item] for item in zip(*observers, strict=True)]
    alpha = krippendorff_alpha(items)
    assert alpha.value == pytest.approx(0.743, abs=5e-4)
    assert alpha.low < 0.5 < 0.95 < alpha.high


def by_coincidences(items):
    """Alpha from the matrix of coincidences, pair by pair, as the paper counts it by hand."""
    given = [[one for one in item if one is not None] for item in items]
    matrix = Counter()
    for item in given:
        for a, b in permutations(range(len(item)), 2):
            matrix[item[a], item[b]] += 1 / (len(item) - 1)
    totals = Counter()
    for (a, _), count in matrix.items():
        totals[a] += count
    n = totals.total()
    observed = sum(count for (a, b), count in matrix.items() if a != b)
    expected = sum(totals[a] * totals[b] for a, b in permutations(totals, 2)) / (n - 1) if n > 1 else 0
    return 1 - observed / expected if expected else None


@settings(max_examples=50)
@given(many)
def test_alpha_of_any_number_of_raters_is_that_of_the_matrix_of_coincidences(items):
    found, expected = krippendorff_alpha(items), by_coincidences(items)
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.value == pytest.approx(expected)


@settings(max_examples=25)
@given(many, st.randoms())
def test_who_says_it_does_not_matter_to_alpha(items, random):
    shuffled = [random.sample(item, len(item)) for item in random.sample(items, len(items))]
    found, other = krippendorff_alpha(items), krippendorff_alpha(shuffled)
    assert (found is None) == (other is None)
    if found is not None:
        assert found.value == pytest.approx(other.value)


def test_alpha_of_raters_who_guess_is_nothing_and_of_those_who_agree_one():
    draw = Random(0)
    guessed = [[draw.choice("abcd") for _ in range(3)] for _ in range(400)]
    assert krippendorff_alpha(guessed).low < 0 < krippendorff_alpha(guessed).high
    same = [[one] * draw.randint(2, 5) for one in "abcd" * 10]
    assert krippendorff_alpha(same) == Interval(value=1, low=1, high=1)


def test_abstaining_counts_against_kappa_and_is_missing_for_alpha():
    pairs = [("a", "a"), ("b", "b")] * 5
    with_gaps = [*pairs, *[("a", None)] * 5]
    assert krippendorff_alpha(with_gaps) == krippendorff_alpha(pairs)
    assert cohen_kappa(with_gaps).value < cohen_kappa(pairs).value == 1


@pytest.mark.parametrize("pairs", [[], [("a", "a")] * 3])
def test_without_two_categories_there_is_nothing_to_measure(pairs):
    assert cohen_kappa(pairs) is None
    assert krippendorff_alpha(pairs) is None


@settings(max_examples=25)
@given(ratings, st.randoms())
def test_neither_the_order_of_items_nor_that_of_raters_matters(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    swapped = [(b, a) for a, b in pairs]
    for measure in (cohen_kappa, krippendorff_alpha):
        found = measure(pairs)
        for other in (measure(shuffled), measure(swapped)):
            assert (found is None) == (other is None)
            if found is not None:
                assert found.value == pytest.approx(other.value)
                assert -1 <= found.low <= found.high <= 1


def test_the_interval_narrows_with_more_items():
    few = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")] * 5
    wide, narrow = cohen_kappa(few), cohen_kappa(few * 20)
    assert wide.value == pytest.approx(narrow.value)
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)
