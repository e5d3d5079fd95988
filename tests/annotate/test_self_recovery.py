from firstfault.annotate.hazard import Course
from firstfault.annotate.self_recovery import compare_recovery, self_recovery


def test_recovery_counts_faulty_solutions_only_and_knows_early_from_late():
    found = self_recovery(
        [
            Course(5, None, 4, True),
            Course(5, None, 4, False),
            Course(5, 0, 4, True),
            Course(5, 1, 4, False),
            Course(5, 3, 4, False),
            Course(5, 4, 4, False),
        ]
    )
    assert (found.all.faulty, found.all.right) == (4, 1)
    assert (found.early.faulty, found.early.right) == (2, 1)
    assert (found.late.faulty, found.late.right) == (1, 0)
    assert found.all.share is not None
    assert found.all.share.value == 0.25


def test_a_model_that_recovers_less_is_told_from_one_that_recovers_more():
    less = self_recovery([Course(4, 0, 4, n < 5) for n in range(100)])
    more = self_recovery([Course(4, 0, 4, n < 15) for n in range(50)])
    compared = compare_recovery(less, more)
    assert compared.difference is not None
    assert compared.difference.high < 0
    assert compared.p < 0.001
    assert compared.early_difference == compared.difference


def test_without_faults_there_is_nothing_to_compare():
    none = self_recovery([Course(4, None, 4, True)])
    assert none.all.share is None
    compared = compare_recovery(none, none)
    assert (compared.difference, compared.p) == (None, 1.0)
