import pytest
from firstfault.annotate.reliability import cohen_kappa, krippendorff_alpha
from hypothesis import given, settings
from hypothesis import strategies as st

ratings = st.lists(st.tuples(*[st.sampled_from("abc") | st.none()] * 2), max_size=30)


def test_kappa_of_a_textbook_table():
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    kappa = cohen_kappa([pair for pair, count in table.items() for _ in range(count)])
    assert kappa.value == pytest.approx(0.4)
    assert 0.1 < kappa.low < 0.2 < 0.6 < kappa.high < 0.7


def test_alpha_of_krippendorffs_own_example():
    # "Computing Krippendorff's alpha-reliability" (2011), section B: nominal data, two observers.
    pairs = list(zip("aabbdcccedda", "babbbccceddd", strict=True))
    assert krippendorff_alpha(pairs).value == pytest.approx(0.692, abs=5e-4)


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
