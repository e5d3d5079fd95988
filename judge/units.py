"""Words inside an expression: which are units that can be left out, and which change what it means."""

from collections.abc import Sequence
from typing import NamedTuple

from .tokens import Kind, Token

MAX_UNIT_WORDS = 6


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SHORT_UNITS = _set(
    "cm mm km kg mg ml ft in lb oz hr min sec am pm ha mi yd of in at by to on is us he it we so an"
    " kW kWh lbs hrs mph per"
)
_NUMERALS = _set(
    "zero one two three four five six seven eight nine ten eleven twelve half third quarter fifth"
    " thirds quarters fourth fourths twice double triple thrice"
)
_CHANGES = _NUMERALS | _set(
    "more less fewer greater than times square squared cube cubed root sin cos tan log ln mod modulo"
    " remainder base if negative minus plus power factorial digit digits choose r"
)
"""Next to a number, these make it part of something larger."""
_LEADS = _CHANGES | _set("of by over from per every between subtract divide subtracting dividing")
_ARTICLES = ("a", "A", "I")
_AFTER_UNIT = (Kind.OPERATOR, Kind.CLOSE)


class Conversion(NamedTuple):
    """How units of one family convert."""

    free: int
    """Number of different words of the family that may stand without a conversion."""
    factors: frozenset[int]


CONVERSIONS: dict[frozenset[str], Conversion] = {
    _set(
        "seconds minute minutes hour hours day days week weeks month months year years sec min hr hrs"
        " hourly daily weekly monthly annually mph"
    ): Conversion(
        1, frozenset({60, 3600, 24, 1440, 7, 52, 12, 365, 366, 30, 31, 28, 4, 168, 86400, 360, 10})
    ),
    _set("inch inches foot feet yard yards mile miles in ft yd"): Conversion(
        1, frozenset({12, 3, 36, 5280, 1760, 144, 9})
    ),
    _set(
        "cm mm km m meter meters metre metres kilometer kilometers centimeter centimeters g kg mg gram grams"
        " kilogram kilograms l ml liter liters milliliters"
    ): Conversion(1, frozenset({10, 100, 1000, 10**4, 10**6, 10**5})),
    _set("ounce ounces pound pounds ton tons oz lb lbs"): Conversion(1, frozenset({16, 2000})),
    _set("cup cups pint pints quart quarts gallon gallons ounce ounces"): Conversion(
        1, frozenset({2, 4, 8, 16, 32, 128})
    ),
    _set("cent cents penny pennies nickel nickels dime dimes quarter quarters"): Conversion(
        0, frozenset({100, 10, 5, 25, 20, 4})
    ),
    _set("dozen dozens hundred thousand million billion trillion"): Conversion(
        0, frozenset({12, 100, 1000, 10**6, 10**9, 10**12})
    ),
    frozenset({"degrees", "radians"}): Conversion(1, frozenset({180})),
}


def starts_cleanly(tokens: Sequence[Token], start: int) -> bool:
    """Whether an expression can start at `start`: nothing before it belongs to it."""
    first = tokens[start]
    if first.kind not in (Kind.NUMBER, Kind.OPEN, Kind.FUNCTION, Kind.CONSTANT) and first.text != "-":
        return False
    if start == 0:
        return True
    before = tokens[start - 1]
    if before.kind is Kind.WORD:
        is_dash = first.text == "-" and not (start + 1 < len(tokens) and tokens[start + 1].tight)
        if first.tight or is_dash or before.text.lower() in _LEADS:
            return False
        return before.text in _ARTICLES or not _is_unknown(before)
    return before.kind in (Kind.COMMA, Kind.OPEN, Kind.RELATION)


def ends_cleanly(tokens: Sequence[Token], end: int) -> bool:
    """Whether an expression can end before `end`: nothing behind it belongs to it."""
    if end == len(tokens):
        return True
    after = tokens[end]
    if after.kind is Kind.WORD:
        return not after.tight and not _is_unknown(after) and after.text.lower() not in _CHANGES
    if after.kind is Kind.OPEN:
        inside = tokens[end + 1].text if end + 1 < len(tokens) else ""
        return not after.tight and inside not in ("mod", "base")
    return after.kind in (Kind.COMMA, Kind.CLOSE, Kind.RELATION)


def bare_expression(tokens: Sequence[Token]) -> list[Token] | None:
    """Leave out the units, or return `None` where a word can't be one.

    A unit follows a number, a percentage or a closing parenthesis: `12 apples`, `$35/hour`,
    `$105 (lost income)`.
    """
    kept: list[Token] = []
    index = run = 0
    while index < len(tokens):
        token = tokens[index]
        if token.kind in (Kind.COMMA, Kind.BREAK, Kind.OTHER, Kind.RELATION):
            return None
        skipped = _unit_at(tokens, index) if kept and _is_operand_end(kept[-1]) else 0
        if skipped:
            run += skipped
            if run > MAX_UNIT_WORDS:
                return None
            index += skipped
            continue
        if token.kind is Kind.WORD:
            return None
        if run and token.kind not in _AFTER_UNIT:
            return None
        kept.append(token._replace(tight=token.tight and bool(kept) and not run))
        run = 0
        index += 1
    return kept


def _unit_at(tokens: Sequence[Token], index: int) -> int:
    """Return how many tokens of unit stand at `index`; 0 where there is none."""
    token = tokens[index]
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if token.kind is Kind.WORD:
        if _is_unknown(token) or token.text.lower() in _CHANGES:
            return 0
        if token.tight and token.text not in _SHORT_UNITS:
            return 0
        squared = tokens[index + 1 : index + 3]
        if [part.text for part in squared] in (["^", "2"], ["^", "3"]):
            return 3
        return 1
    if token.text in ("/", "of") and following is not None and following.kind is Kind.WORD:
        return 0 if _is_unknown(following) or following.text.lower() in _CHANGES else 2
    if token.kind is Kind.OPEN:
        end = index + 1
        while end < len(tokens) and tokens[end].kind is Kind.WORD and not _is_unknown(tokens[end]):
            end += 1
        if index + 1 < end < len(tokens) and tokens[end].kind is Kind.CLOSE:
            return end - index + 1
    return 0


def _is_operand_end(token: Token) -> bool:
    return token.kind in (Kind.NUMBER, Kind.PERCENT, Kind.CLOSE, Kind.CONSTANT)


def _is_unknown(token: Token) -> bool:
    word = token.text.lower() if token.text.istitle() else token.text
    return len(word) <= 2 and word not in _SHORT_UNITS
