from itertools import permutations
from math import comb

import pytest
from firstfault.annotate.tables import fisher_p, holm, odds_ratio
from hypothesis import given, settings
from hypothesis import strategies as st

SMALL = st.tuples(*[st.integers(0, 12)] * 4)


def test_fishers_test_is_the_one_of_the_tea_tasting_lady():
    # Fisher, The Design of Experiments (1935): 3 of 4 cups right.
    assert fisher_p((3, 1), (1, 3)) == pytest.approx(34 / 70)


@settings(max_examples=60, deadline=None)
@given(SMALL)
def test_fishers_test_of_two_columns_sums_the_tables_that_are_no_likelier(counts):
    a, b, c, d = counts
    n, row, column = a + b + c + d, a + b, a + c
    tables = [
        comb(row, k) * comb(n - row, column - k)
        for k in range(max(0, column - (n - row)), min(row, column) + 1)
    ]
    seen = comb(row, a) * comb(n - row, column - a)
    expected = sum(one for one in tables if one <= seen) / comb(n, column)
    assert fisher_p((a, b), (c, d)) == pytest.approx(expected, abs=1e-6)


def test_of_more_columns_tables_are_drawn():
    # R: fisher.test(rbind(c(3, 9, 4), c(12, 3, 5)))$p.value is 0.01973.
    assert fisher_p((3, 9, 4), (12, 3, 5)) == pytest.approx(0.0197, abs=0.006)
    assert fisher_p((3, 9, 0), (12, 3, 0)) == fisher_p((3, 9), (12, 3))
    assert fisher_p((0, 0), (3, 4)) == 1


def test_rows_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="same length"):
        fisher_p((1, 2), (1, 2, 3))
    with pytest.raises(ValueError, match="same length"):
        fisher_p((1, -2), (1, 2))


def test_the_odds_ratio_is_the_published_one():
    # R: fisher.test(matrix(c(3, 1, 1, 3), 2)): 6.408309, 0.2117329 to 621.9337505.
    found = odds_ratio((3, 1), (1, 3))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((6.408309, 0.2117329, 621.9337), rel=0.01)


def test_an_odds_ratio_without_a_number_is_none():
    assert odds_ratio((3, 0), (1, 2)) is None
    assert odds_ratio((0, 0), (1, 2)) is None
    assert odds_ratio((3, 0), (2, 0)) is None
    nought = odds_ratio((0, 3), (1, 2))
    assert nought is not None
    assert (nought.value, nought.low) == (0, 0)


def test_holms_values_are_the_published_ones():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holms_values_keep_the_order_and_never_fall(p_values):
    adjusted = holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    assert all(sorted(holm(order)) == sorted(adjusted) for order in list(permutations(p_values))[:20])
