from contextlib import suppress
from fractions import Fraction

import pytest
from firstfault.judge.arithmetic import NotArithmeticError, Percent, Reading, evaluate
from hypothesis import given
from hypothesis import strategies as st


def trees():
    """Pairs of an expression as text, fully parenthesised, and its exact value."""
    numbers = st.integers(0, 999).map(lambda n: (str(n), Fraction(n)))

    def join(pair):
        (left, a), sign, (right, b) = pair
        if sign == "/" and b == 0:
            sign = "+"
        value = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[sign]
        return f"({left} {sign} {right})", value

    return st.recursive(
        numbers, lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(join), max_leaves=8
    )


@given(tree=trees())
def test_every_parenthesised_expression_has_its_exact_value(tree):
    text, value = tree
    assert evaluate(text).number == value


@given(terms=st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 99)), min_size=1, max_size=8))
def test_precedence_is_that_of_arithmetic(terms):
    text = "7" + "".join(f" {sign} {number}" for sign, number in terms)
    assert evaluate(text).number == eval(text)  # the text is ours: digits and three signs


@given(text=st.text(max_size=60))
def test_any_text_is_either_a_number_or_refused(text):
    with suppress(NotArithmeticError):
        assert isinstance(evaluate(text).number, Fraction)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25% of 80", 20),
        ("1/4 of 48", 12),
        (r"\frac{3}{4} \times 8", 6),
        (r"2^{10} - 1", 1023),
        (r"18 \div 3 \cdot 2", 12),
        ("3 × 4 − 5", 7),
        ("1,234.5 + .5", 1235),
        (r"\sqrt{49}", 7),
        ("5!", 120),
        (r"\binom{5}{2}", 10),
        ("2(3 + 4)", 14),
        ("-3^2", -9),
        ("2**3**2", 512),
        ("4 times 3 plus 2", 14),
        ("$3.50 * 4", 14),
    ],
)
def test_notations_of_arithmetic_are_understood(text, value):
    assert evaluate(text).number == value


def test_a_percentage_has_three_readings():
    values = [evaluate("100 - 20%", Reading(percent)).number for percent in Percent]
    assert values == [Fraction(998, 10), 80, 80]


def test_a_mixed_number_is_read_as_such_only_when_asked():
    text = r"3\frac{1}{2}"
    assert evaluate(text, Reading(mixed=True)).number == Fraction(7, 2)
    assert evaluate(text).number == Fraction(3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "9^9^9^9",
        "(10^1000)^1000",
        "1000!",
        "9" * 500,
        "(" * 500 + "1" + ")" * 500,
        "-" * 500 + "1",
        "+".join(["1"] * 500),
        "2^" * 100 + "2",
    ],
)
def test_what_would_cost_too_much_is_refused(text):
    with pytest.raises(NotArithmeticError):
        evaluate(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x + 1",
        "2x",
        "3 4",
        "1 / 0",
        "(1 + 2",
        "1 +",
        "6/2(1+2)",
        "3 of 12",
        "sqrt(-1)",
        "2^0.3",
        "__import__('os')",
    ],
)
def test_what_is_not_unambiguous_arithmetic_is_refused(text):
    with pytest.raises(NotArithmeticError):
        evaluate(text)
