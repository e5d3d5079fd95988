"""Grading is exact for numbers, sensible for LaTeX, and can't be hung."""

from fractions import Fraction

import pytest
from firstfault.annotate.grading import Grader
from firstfault.annotate.latex import too_costly
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def grader():
    with Grader() as grader:
        yield grader


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("18.0", "18"),
        ("$18", "18"),
        ("18 eggs per day", "18"),
        ("1,000", "1000"),
        ("70000", "70,000"),
        ("1/2", "0.5"),
        ("36/2", "18"),
        ("3 1/2", "3.5"),
        ("50%", "50"),
        ("50%", "0.5"),
        ("0.5", "50%"),
        ("9 * 2 = 18", "18"),
        ("x = 5", "5"),
        ("5", "x=5"),
        ("10 + 8", "18"),
        ("32348", "\\$32,\\!348"),
        ("90", "90^\\circ"),
        ("\\dfrac{14}{3}", "\\frac{14}{3}"),
        ("\\frac43", "\\frac{4}{3}"),
        ("Evelyn", "\\text{Evelyn}"),
        ("even", "\\text{Even}"),
        ("C", "\\text{(C)}"),
        ("pi/2", "\\frac{\\pi}{2}"),
        ("3*sqrt(13)", "3\\sqrt{13}"),
        ("5 - 6", "-1"),
        ("(3,\\pi/2)", "\\left( 3, \\frac{\\pi}{2} \\right)"),
        ("-2, 1", "1,-2"),
        ("The roots are $3$, $5$, and $7$.", "3, 5, 7"),
        ("7i - 2", "-2 + 7i"),
        ("[-2, 7]", "x \\in [-2,7]"),
        ("\\frac{1}{\\sqrt{3}}", "\\frac{\\sqrt{3}}{3}"),
        ("2x+3", "y = 2x + 3"),
        ("52_{8}", "52_8"),
        ("52", "52_8"),
        ("$ -\\dfrac{35}{9} .$", "-\\frac{35}{9}"),
        ("$\\text{(C)} .$", "C"),
    ],
)
def test_equal_answers_are_right(grader, answer, reference):
    assert grader.grade(answer, reference).correct


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (None, "18"),
        ("", "18"),
        ("17", "18"),
        ("-18", "18"),
        ("0.333", "1/3"),
        ("18 or 19", "18"),
        ("2k", "2"),
        ("12\\pi", "12"),
        ("3\\sqrt{13}", "3"),
        ("1 2", "12"),
        ("5 minutes 30 seconds", "5"),
        ("-2", "1,-2"),
        ("(2,1)", "(1,2)"),
        ("(2,4]", "(2,4)"),
        ("52_7", "52_8"),
        ("53_8", "52_8"),
        ("Navin", "\\text{Evelyn}"),
        ("D", "\\text{(C)}"),
        ("x = -2 and x = 1, so the smallest is, I guess, $", "-2"),
        ("35°, because 105 + 110 + x = 215 + x, so x = 145°", "145^\\circ"),
        ("1/0", "5"),
        ("It is $-\\frac{35}{9}$.", "\\frac{35}{9}"),
    ],
)
def test_other_answers_are_wrong_and_say_why(grader, answer, reference):
    grade = grader.grade(answer, reference)
    assert not grade.correct
    assert grade.reason


@given(value=st.fractions(max_denominator=1000))
def test_a_number_is_right_against_itself_and_wrong_against_any_other(grader, value: Fraction):
    assert grader.grade(str(value), str(value)).correct
    assert not grader.grade(str(value + 1), str(value)).correct


@settings(max_examples=50)
@given(answer=st.text(alphabet="0123456789x+-*/^=(){}\\fracsqrt ,.$%", max_size=12))
def test_grading_never_fails_and_any_answer_is_right_against_itself(grader, answer):
    assert grader.grade(answer, "7").correct in (True, False)
    if answer.strip():
        assert grader.grade(answer, answer).correct


@pytest.mark.parametrize(
    "answer",
    [
        "9**9**9",
        "10^{10^{10}}",
        "(9^{9})^{9^{9}}",
        "99999!",
        "5!!!!",
        "{" * 10**6,
        "\\sqrt{" * 10**5,
        "(" * 900,
        "1" * 10**6,
    ],
)
def test_what_plainly_cant_be_worked_out_never_reaches_the_worker(answer):
    with Grader() as grader:
        assert not grader.grade(answer, "x+1").correct
        assert grader._latex._worker is None


@pytest.mark.parametrize(
    "answer", ["2^{100}", "x^{20}", "e^{x^2}", "\\frac{1}{2}", "5!", "(9,36)", "2^{2^3}"]
)
def test_ordinary_answers_are_not_too_costly(answer):
    assert too_costly(answer) is None


def test_an_answer_that_hangs_the_worker_is_wrong_and_the_next_one_is_graded():
    with Grader(seconds=0.5) as grader:
        hung = grader.grade("(1+x)^{9999}-1", "x^2+y")
        assert (hung.correct, hung.reason) == (False, "not decided within 0.5 s")
        assert grader.grade("2\\sqrt{5}", "\\sqrt{20}").correct


def test_a_worker_that_was_killed_is_replaced():
    with Grader() as grader:
        assert grader.grade("\\sqrt{8}", "2\\sqrt{2}").correct
        grader._latex._worker.kill()
        assert grader.grade("\\sqrt{8}", "2\\sqrt{2}").correct


def test_numeric_references_start_no_worker():
    with Grader() as grader:
        assert grader.grade("18 eggs", "18").correct
        assert not grader.grade("no idea", "18").correct
        assert grader._latex._worker is None
