"""Numbers are read exactly as written, and nothing else is taken for one."""

from fractions import Fraction

import pytest
from firstfault.annotate.numerals import read_number, read_number_in_words
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        ("-18.50", Fraction(-37, 2)),
        ("−3", -3),
        (".35625", Fraction(57, 160)),
        ("1,234,567.5", Fraction(2469135, 2)),
        ("$18", 18),
        ("-$18", -18),
        ("18 $", 18),
        ("\\$32,\\!348", 32348),
        ("11,\\! 111,\\! 111,\\! 100", 11111111100),
        ("10{,}000", 10000),
        ("7/2", Fraction(7, 2)),
        ("-3 1/2", Fraction(-7, 2)),
        ("\\frac{14}{3}", Fraction(14, 3)),
        ("-\\dfrac43", Fraction(-4, 3)),
        ("\\frac{270}7\\text{ degrees}", Fraction(270, 7)),
        ("137 \\frac{1}{2}", Fraction(275, 2)),
        ("90^\\circ", 90),
        ("90°", 90),
        ("5.4 \\text{ cents}", Fraction(27, 5)),
        ("864 \\mbox{ inches}^2", 864),
        ("18 eggs per day", 18),
        ("$5.00/hour", 5),
        ("x = 5", 5),
        ("18.", 18),
    ],
)
def test_numbers_are_read_exactly(text, value):
    number = read_number(text)
    assert number is not None
    assert (number.value, number.percent) == (value, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2k",
        "5r^5",
        "12\\pi",
        "12 pi",
        "2ab",
        "1, 2",
        "(1, 2)",
        "2^3",
        "1/0",
        "\\frac{1}{0}",
        "3 + 4",
        "1 2",
        "5 or 6",
        "52_8",
        "\\sqrt{51}",
        "6 - 5i",
        "[3, 4)",
        "12,34",
        "1.2.3",
        "1" * 500,
        "5 minutes 30 seconds",
    ],
)
def test_what_is_not_one_number_is_none(text):
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("She makes $18 every day", 18),
        ("9 * 2 = 18", 18),
        ("about 18.5 kg?", Fraction(37, 2)),
        ("total = 7", 7),
        ("It is $-\\frac{35}{9}$.", Fraction(-35, 9)),
        ("the value is -5", -5),
    ],
)
def test_the_only_number_of_a_sentence_is_read(text, value):
    number = read_number_in_words(text)
    assert number is not None
    assert number.value == value


@pytest.mark.parametrize(
    "text",
    ["2k", "3 + sqrt(2)", "3 or x", "5 and 6", "2x = 18", "x^2", "12 pi", "no number", "y = 2x", "total - 5"],
)
def test_a_number_is_not_torn_out_of_an_expression(text):
    assert read_number_in_words(text) is None


@given(value=st.fractions(max_denominator=10**6))
def test_every_fraction_is_read_back_in_plain_and_latex_form(value):
    sign = "-" if value < 0 else ""
    for text in (str(value), f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"):
        number = read_number(text)
        assert number is not None
        assert number.value == value


@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12)
)
def test_every_decimal_is_read_back_with_and_without_thousands(value):
    for text in (f"{value:f}", f"{value:,f}", f"${abs(value):,f}"):
        number = read_number(text)
        assert number is not None
        assert abs(number.value) == abs(Fraction(value))


@given(text=st.text(alphabet="0123456789.,/-+%$ \\{}fracx="))
def test_reading_never_fails(text):
    read_number(text)
    read_number_in_words(text)
