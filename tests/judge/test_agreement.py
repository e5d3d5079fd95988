import pytest
from firstfault.datasets.records import ErrorType, Verdict, VerdictStatus
from firstfault.judge.agreement import measure_agreement


def verdict(name, step=None, error_type=None, status=None):
    status = status or (VerdictStatus.CLEAN if step is None else VerdictStatus.FAULTY)
    return Verdict(solution_id=name, judge="j", status=status, first_fault=step, error_type=error_type)


def test_shares_are_over_what_they_say():
    method, execution = ErrorType.METHOD, ErrorType.EXECUTION
    pairs = [
        (verdict("a", 2, method), verdict("a", 2, method)),
        (verdict("b", 3, method), verdict("b", 2, execution)),
        (verdict("c", 0, method), verdict("c", 4, method)),
        (verdict("d", status=VerdictStatus.UNSURE), verdict("d", 1, method)),
        (verdict("e", 1, method), verdict("e")),
        (verdict("f"), verdict("f")),
    ]
    agreement = measure_agreement("j", pairs)
    assert (agreement.items, agreement.faulty, agreement.clean) == (6, 4, 2)
    assert (agreement.flagged, agreement.abstained) == (3, 1)
    assert agreement.first_fault.value == 1 / 4
    assert agreement.within_one.value == 2 / 4
    assert agreement.error_type.value == 2 / 4
    assert agreement.flagged_right.value == 1 / 3
    assert agreement.false_alarms.value == 1 / 2
    assert agreement.first_fault.low < 1 / 4 < agreement.first_fault.high


def test_truth_without_error_types_gives_no_share_of_them():
    agreement = measure_agreement("j", [(verdict("a", 2, ErrorType.METHOD), verdict("a", 2))])
    assert agreement.error_type is None
    assert agreement.false_alarms is None


def test_truth_that_is_unsure_is_left_out():
    unsure = verdict("a", status=VerdictStatus.UNSURE)
    assert measure_agreement("j", [(verdict("a", 1), unsure)]).items == 0


def test_a_pair_about_two_solutions_is_refused():
    with pytest.raises(ValueError, match="truth on b"):
        measure_agreement("j", [(verdict("a"), verdict("b"))])
