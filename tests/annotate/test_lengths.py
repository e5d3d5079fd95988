import pytest
from firstfault.annotate.lengths import Lengths, length_growth, paired_lengths
from firstfault.datasets.records import Solution


def test_twice_as_long_and_half_as_long_cancel_out():
    found = length_growth([Lengths(100, 200, True, True), Lengths(100, 50, True, True)] * 20)
    assert found.all.ratio is not None
    assert found.all.ratio.value == pytest.approx(1)
    assert found.all.ratio.low < 1 < found.all.ratio.high


def test_growth_is_told_apart_by_outcome():
    pairs = [Lengths(100, 110, True, True)] * 10 + [Lengths(100, 400, True, False)] * 5
    pairs += [Lengths(100, 50, False, True)]
    found = length_growth(pairs)
    assert (found.all.problems, found.both_right.problems, found.regressions.problems) == (16, 10, 5)
    assert found.both_right.ratio is not None
    assert found.both_right.ratio.value == pytest.approx(1.1)
    assert found.regressions.ratio is not None
    assert found.regressions.ratio.value == pytest.approx(4)
    assert length_growth([]).all.ratio is None


def test_solutions_are_paired_by_problem_where_both_lengths_are_known():
    def solution(problem, tokens, correct):
        return Solution(problem_id=problem, model="m", text="t", tokens=tokens, correct=correct)

    full = [solution("a", 10, True), solution("b", None, True), solution("c", 30, False)]
    variant = [
        solution("c", 60, True),
        solution("a", 20, False),
        solution("b", 9, True),
        solution("d", 9, True),
    ]
    assert paired_lengths(full, variant) == [Lengths(30, 60, False, True), Lengths(10, 20, True, False)]
