"""Exact evaluation of arithmetic in text, at a bounded cost.

A recursive-descent parser over `tokens`, on fractions: `+ - * / ^`, parentheses, percentages,
factorials, binomials, square roots and pi. Nothing is ever handed to an interpreter, and length,
depth, digits and exponents are limited, so that `9**9**9` costs nothing. Not covered: unknowns,
functions other than roots, bases other than ten; they are refused, never guessed.
"""

from collections.abc import Sequence
from enum import Enum
from fractions import Fraction
from math import comb, factorial, isqrt
from typing import NamedTuple

from .notation import plain
from .tokens import Kind, Token, tokenize

MAX_TOKENS = 200
MAX_DEPTH = 40
MAX_BITS = 2048
"""Longest numerator or denominator that any intermediate result may have."""
MAX_FACTORIAL = 170

_ROOT_SCALE = 10**60
_PI = Fraction(31415926535897932384626433832795028841971, 10**40)


class NotArithmeticError(ValueError):
    """Text that is not arithmetic, not unambiguous, or too large to be worth evaluating."""


class Percent(Enum):
    """What `20%` can mean."""

    HUNDREDTHS = "20% is 0.2"
    PLAIN = "20% is 20, as in `5 / 25 * 100 = 20%`"
    RELATIVE = "100 - 20% is 80"


class Reading(NamedTuple):
    """How the ambiguous parts of an expression are read."""

    percent: Percent = Percent.HUNDREDTHS
    mixed: bool = False
    r"""Whether `3\frac{1}{2}` is 3.5 rather than 3 times one half."""


class Value(NamedTuple):
    """What an expression comes to."""

    number: Fraction
    exact: bool = True
    """False once an irrational root or pi is in it."""
    operations: int = 0
    unit: Fraction | None = None
    """For a bare number the unit of its last shown digit (1/100 for `3.14`), else `None`."""
    product_of_fraction: bool = False
    """Whether `of` may follow: it is a percentage or a proper fraction."""


def evaluate(text: str, reading: Reading = Reading()) -> Value:  # noqa: B008
    """Evaluate arithmetic text exactly.

    Raises:
        NotArithmeticError: If the text is anything but arithmetic within the limits.
    """
    return evaluate_tokens(tokenize(plain(text)), reading)


def evaluate_tokens(tokens: Sequence[Token], reading: Reading = Reading()) -> Value:  # noqa: B008
    """Evaluate the tokens of one expression.

    Raises:
        NotArithmeticError: If they are anything but one expression within the limits.
    """
    if not tokens or len(tokens) > MAX_TOKENS:
        raise NotArithmeticError("empty or too long")
    parser = _Parser(tokens, reading)
    value = parser.sum(0)
    if parser.position != len(tokens):
        raise NotArithmeticError(f"unexpected {tokens[parser.position].text!r}")
    return value


class _Parser:
    def __init__(self, tokens: Sequence[Token], reading: Reading) -> None:
        self.tokens = tokens
        self.reading = reading
        self.position = 0

    def peek(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, kind: Kind, *texts: str) -> Token | None:
        token = self.peek()
        if token is None or token.kind is not kind or (texts and token.text not in texts):
            return None
        self.position += 1
        return token

    def sum(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise NotArithmeticError("nested too deeply")
        left = self.product(depth)
        while sign := self.take(Kind.OPERATOR, "+", "-"):
            first = self.position
            right = self.product(depth)
            number = right.number
            is_percent = self.position == first + 2 and self.tokens[first + 1].kind is Kind.PERCENT
            if is_percent and self.reading.percent is Percent.RELATIVE:
                number *= left.number
            left = _combine(left, right, left.number + number if sign.text == "+" else left.number - number)
        return left

    def product(self, depth: int) -> Value:
        left = self.factor(depth)
        divided = False
        while True:
            if operator := self.take(Kind.OPERATOR, "*", "/", "of"):
                right = self.factor(depth)
                if operator.text == "of" and not left.product_of_fraction:
                    raise NotArithmeticError("`of` after something that is not a share")
                divided = divided or operator.text == "/"
                left = _divide(left, right) if operator.text == "/" else _multiply(left, right)
            elif self.is_implied_factor():
                if divided:
                    raise NotArithmeticError("`a / b(c)` has two readings")
                mixed = (
                    self.reading.mixed and self.tokens[self.position].text == "frac" and left.unit is not None
                )
                right = self.factor(depth)
                left = _add(left, right) if mixed else _multiply(left, right)
            else:
                return left

    def is_implied_factor(self) -> bool:
        token = self.peek()
        if token is None:
            return False
        if token.kind in (Kind.FUNCTION, Kind.CONSTANT):
            return True
        after_group = self.tokens[self.position - 1].kind in (Kind.CLOSE, Kind.CONSTANT)
        return token.kind is Kind.OPEN and (token.tight or after_group)

    def factor(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise NotArithmeticError("nested too deeply")
        if self.take(Kind.OPERATOR, "-"):
            value = self.factor(depth + 1)
            return value._replace(number=-value.number)
        base = self.postfix(depth)
        if self.take(Kind.OPERATOR, "^"):
            return _power(base, self.factor(depth + 1))
        return base

    def postfix(self, depth: int) -> Value:
        value = self.primary(depth)
        while True:
            if self.take(Kind.FACTORIAL):
                value = Value(Fraction(factorial(_count(value))), value.exact, value.operations + 1)
            elif self.take(Kind.PERCENT):
                share = 1 if self.reading.percent is Percent.PLAIN else Fraction(1, 100)
                unit = None if value.unit is None else value.unit * share
                value = Value(value.number * share, value.exact, value.operations, unit, True)
            elif self.take(Kind.OPERATOR, "choose"):
                total, chosen = _count(value), _count(self.primary(depth))
                value = Value(Fraction(comb(total, chosen)), value.exact, value.operations + 1)
            else:
                return value

    def primary(self, depth: int) -> Value:
        if token := self.take(Kind.NUMBER):
            return _literal(token.text)
        if self.take(Kind.CONSTANT):
            return Value(_PI, exact=False, operations=0)
        function = self.take(Kind.FUNCTION)
        if self.take(Kind.OPEN):
            value = self.sum(depth + 1)
            if not self.take(Kind.CLOSE):
                raise NotArithmeticError("unclosed parenthesis")
            return _root(value) if function and function.text == "sqrt" else value
        raise NotArithmeticError("an operand is missing")


def _literal(text: str) -> Value:
    digits = text.replace(",", "")
    _, _, decimals = digits.partition(".")
    return Value(Fraction(digits), unit=Fraction(1, 10 ** len(decimals)))


def _combine(left: Value, right: Value, number: Fraction) -> Value:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > MAX_BITS:
        raise NotArithmeticError("too many digits")
    return Value(number, left.exact and right.exact, left.operations + right.operations + 1)


def _add(left: Value, right: Value) -> Value:
    return _combine(left, right, left.number + right.number)


def _multiply(left: Value, right: Value) -> Value:
    value = _combine(left, right, left.number * right.number)
    if (
        left.unit is not None
        and right.unit is None
        and right.operations == 1
        and _is_power_of_ten(right.number)
    ):
        return value._replace(unit=left.unit * right.number)
    return value


def _divide(left: Value, right: Value) -> Value:
    if right.number == 0:
        raise NotArithmeticError("division by zero")
    value = _combine(left, right, left.number / right.number)
    return value._replace(product_of_fraction=0 < value.number < 1)


def _power(base: Value, exponent: Value) -> Value:
    operations = base.operations + exponent.operations + 1
    if exponent.number == Fraction(1, 2):
        return _root(base)._replace(operations=operations)
    if exponent.number.denominator != 1 or (base.number == 0 and exponent.number <= 0):
        raise NotArithmeticError("an exponent that is not whole")
    power = int(exponent.number)
    bits = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if bits * abs(power) > MAX_BITS:
        raise NotArithmeticError("too many digits")
    return Value(base.number**power, base.exact and exponent.exact, operations)


def _root(value: Value) -> Value:
    if value.number < 0:
        raise NotArithmeticError("root of a negative number")
    numerator, denominator = value.number.numerator, value.number.denominator
    top, bottom = isqrt(numerator), isqrt(denominator)
    if top * top == numerator and bottom * bottom == denominator:
        return Value(Fraction(top, bottom), value.exact, value.operations + 1)
    scaled = isqrt(numerator * denominator * _ROOT_SCALE**2)
    return Value(Fraction(scaled, denominator * _ROOT_SCALE), False, value.operations + 1)


def _count(value: Value) -> int:
    if value.number.denominator != 1 or not 0 <= value.number <= MAX_FACTORIAL:
        raise NotArithmeticError("not a number of things")
    return int(value.number)


def _is_power_of_ten(number: Fraction) -> bool:
    digits = str(number.numerator * number.denominator)
    return number > 0 and digits.strip("0") == "1"
