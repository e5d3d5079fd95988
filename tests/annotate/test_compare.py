"""Two models are compared on the same problems or not at all."""

import pytest
from firstfault.annotate.compare import compare, measure
from firstfault.annotate.statistics import wilson_interval
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Finish, Solution
from hypothesis import given
from hypothesis import strategies as st


def solved(model: str, *correct: bool | None, **fields) -> list[Solution]:
    return [
        Solution(problem_id=f"p{n}", model=model, text="", correct=right, **fields)
        for n, right in enumerate(correct)
    ]


def test_flips_are_counted_both_ways():
    result = compare(solved("fp", True, True, False, True), solved("w3", True, False, True, False))
    assert (result.regressions, result.improvements, result.n) == (("p1", "p3"), ("p2",), 4)
    assert (result.full_precision.correct, result.variant.correct) == (3, 2)
    assert result.drop.value == pytest.approx(
        result.full_precision.accuracy.value - result.variant.accuracy.value
    )


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50), shuffle=st.randoms())
def test_neither_order_nor_direction_matters(pairs, shuffle):
    before, after = (
        solved(name, *right) for name, right in zip(("fp", "w3"), zip(*pairs, strict=True), strict=True)
    )
    result = compare(before, after)
    shuffle.shuffle(after)
    assert compare(before, after) == result
    reverse = compare(solved("w3", *(b for _, b in pairs)), solved("fp", *(a for a, _ in pairs)))
    assert (reverse.regressions, reverse.improvements) == (result.improvements, result.regressions)
    assert (reverse.mcnemar_p, reverse.drop.value) == (result.mcnemar_p, -result.drop.value)


def test_how_solutions_were_written_is_summed_up():
    solutions = [
        *solved("m", True, well_formed=True, tokens=10),
        Solution(
            problem_id="q", model="m", text="", correct=False, well_formed=False, finish=Finish.DEGENERATE
        ),
        Solution(problem_id="r", model="m", text="", correct=False, finish=Finish.LENGTH, tokens=30),
    ]
    summary = measure(solutions)
    assert (summary.well_formed, summary.tokens) == (wilson_interval(1, 2), 20)
    assert summary.degenerate == summary.cut_off == pytest.approx(1 / 3)


def test_what_is_unknown_of_every_solution_stays_unknown():
    summary = measure(solved("m", True, False))
    assert (summary.well_formed, summary.tokens) == (None, None)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (solved("fp", True, True), solved("w3", True), "problem p1: solved by fp but not by w3"),
        (solved("fp", True), solved("w3", True, True), "problem p1: solved by w3 but not by fp"),
        (solved("fp", True) * 2, solved("w3", True), "problem p0: two solutions by fp"),
        (solved("fp", None), solved("w3", True), "problem p0 is not graded"),
        ([], solved("w3", True), "no solutions"),
    ],
)
def test_what_cant_be_paired_is_an_input_error_that_names_one(before, after, message):
    with pytest.raises(InputError, match=message) as raised:
        compare(before, after)
    assert raised.value.hint
