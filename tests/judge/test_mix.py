import pytest
from firstfault.datasets.records import ErrorType
from firstfault.judge.mix import KindsOf, compare_mixes
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = st.dictionaries(st.integers(0, 60).map(str), st.sampled_from(list(ErrorType)), max_size=40)
EXECUTION, METHOD, CONCEPTUAL = ErrorType.EXECUTION, ErrorType.METHOD, ErrorType.CONCEPTUAL


def kinds(counts, start=0, *, complete=True):
    found = [kind for kind, count in counts.items() for _ in range(count)]
    return KindsOf({f"{start + n}": kind for n, kind in enumerate(found)}, complete)


def test_more_of_everything_is_a_higher_rate_and_no_shift():
    compared = compare_mixes(
        kinds({EXECUTION: 80, CONCEPTUAL: 40}), kinds({EXECUTION: 8, CONCEPTUAL: 4}, 500)
    )
    assert compared.p == 1
    assert all(shift.p == 1 for shift in compared.kinds.values())
    assert all(shift.rate is not None and shift.rate.p < 1e-6 for shift in compared.kinds.values())
    assert compared.numerical.ratio is not None
    assert compared.numerical.ratio.value == pytest.approx(1, abs=0.02)


def test_another_mix_of_as_many_is_a_shift():
    compared = compare_mixes(
        kinds({EXECUTION: 60, CONCEPTUAL: 20}), kinds({EXECUTION: 20, CONCEPTUAL: 60}, 500)
    )
    assert compared.p < 0.001
    assert compared.kinds[EXECUTION].p < 0.001
    assert compared.kinds[EXECUTION].difference is not None
    assert compared.kinds[EXECUTION].difference.low > 0
    assert compared.procedure.ratio is not None
    assert compared.procedure.ratio.low > 1
    assert (compared.procedure.variant, compared.procedure.reference) == ((60, 20), (20, 60))


def test_method_counts_with_execution_in_one_question_and_with_planning_in_the_other():
    compared = compare_mixes(kinds({METHOD: 5, EXECUTION: 3, CONCEPTUAL: 2}), kinds({CONCEPTUAL: 1}))
    assert compared.procedure.variant == (8, 2)
    assert compared.numerical.variant == (3, 7)


def test_rates_are_paired_by_problem():
    same = kinds({EXECUTION: 10})
    rate = compare_mixes(same, same).kinds[EXECUTION].rate
    assert rate is not None
    assert (rate.variant_alone, rate.reference_alone, rate.p) == (0, 0, 1)


def test_where_not_all_was_judged_there_are_no_rates():
    compared = compare_mixes(kinds({EXECUTION: 10}, complete=False), kinds({EXECUTION: 3}))
    assert compared.kinds[EXECUTION].rate is None


@settings(max_examples=15, deadline=None)
@given(KINDS, KINDS)
def test_counts_are_kept_and_models_that_change_places_mirror_each_other(one, other):
    there = compare_mixes(KindsOf(one, True), KindsOf(other, True))
    back = compare_mixes(KindsOf(other, True), KindsOf(one, True))
    assert sum(shift.variant for shift in there.kinds.values()) == len(one)
    assert sum(shift.reference for shift in there.kinds.values()) == len(other)
    for kind, shift in there.kinds.items():
        assert shift.p == pytest.approx(back.kinds[kind].p, abs=0.03)
        assert (shift.variant, shift.variant_share) == (
            back.kinds[kind].reference,
            back.kinds[kind].reference_share,
        )
