r"""Every equation in a step that can be checked: `12 apples * 3 = 36 apples`, `\( 18 - 6 = 12 \)`.

Conservative: what holds an unknown, a word in place of a number, or anything that can be read in a way
which makes it true, is not a false claim. A claim holds when the two sides agree exactly, or when one
of them is the other rounded or cut to the digits it shows.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from .arithmetic import NotArithmeticError, Percent, Reading, Value, evaluate_tokens
from .equality import agree, converts
from .notation import plain
from .tokens import Kind, Token, tokenize
from .units import CONVERSIONS, bare_expression, ends_cleanly, starts_cleanly

MAX_SIDE = 60
"""Longest side of an equation, in tokens."""
SENTENCE = 300
"""Most characters on either side of an equation that are read as its sentence."""
MAX_CLAIMS = 400
"""Most claims that are read from one step."""

_STATES = re.compile(r"[=≈≅]|\\(?:approx|simeq|doteq)")
_MARK = re.compile(r"<<([^<>]{1,200})>>")
_HEDGE = re.compile(
    r"\b(?:if|suppose|assum\w*|would|cannot|not|contradict\w*|incorrect\w*|wrong\w*|mistake\w*|impossible"
    r"|instead|false|try|guess|test\w*|mod|modulo|remainder|base|binary)\b|n't\b|[?≠≡]",
    re.IGNORECASE,
)
_REMAINDER = re.compile(
    r"\s*(\d{1,12})[\s,]+(?:R|r|(?:(?:with|and|leaves|leaving)\s+)?(?:a\s+)?remainder)\s*(?:of|is|=)?\s*(\d{1,12})\b"
)
_THEN = re.compile(r"\bthen\b", re.IGNORECASE)
_ROUNDED = re.compile(r"\b(?:round\w*|nearest)\b", re.IGNORECASE)
_APPROXIMATE = re.compile(r"\b(?:approx\w*|about|roughly|almost|nearly|estimat\w*)\b", re.IGNORECASE)


class Claim(NamedTuple):
    """One equation between two numbers."""

    text: str
    """As it stands in the step, in plain notation."""
    left: Value
    right: Value
    holds: bool
    """False only when it is false under every reading of its ambiguous parts."""
    hedged: bool
    """Whether its sentence supposes, denies or asks rather than asserts."""
    numbers: tuple[Fraction, ...]
    """Numbers that the left side computes with, as written; a percentage is its whole number."""
    operators: tuple[str, ...]


def find_claims(step: str) -> list[Claim]:
    """Find the equations of one step, in order; at most `MAX_CLAIMS`."""
    if not _STATES.search(step):
        return []
    claims: list[Claim] = []
    marks = [found[1] for found in _MARK.finditer(step)]
    for text in (*marks, _MARK.sub(" ", step)):
        for claim in _claims_of(plain(text)):
            if len(claims) >= MAX_CLAIMS:
                return claims
            claims.append(claim)
    return claims


class _Side(NamedTuple):
    tokens: Sequence[Token]
    values: tuple[Value, ...]
    """Its values under all readings, the plainest first."""
    named: bool = False
    """Whether words stand in it or before it."""

    @property
    def is_label(self) -> bool:
        """Whether it may be part of a name: `Age in 8 years = 34 + 8`, `4 hours = 4 * 60`."""
        return self.named and (not self.values[0].operations or _is_ratio(self.tokens))


def _claims_of(text: str) -> Iterator[Claim]:
    for statement in _statements(tokenize(text)):
        claims: list[Claim] = []
        borders = [index for index, token in enumerate(statement) if token.kind is Kind.RELATION]
        edges = [-1, *borders, len(statement)]
        for before, at, after in zip(edges, borders, edges[2:], strict=False):
            around, place = statement[before + 1 : after], at - before - 1
            if statement[at].text in ("=", "≈"):
                claim = _division(text, around, place) or _equation(text, around, place)
                claims += [claim] if claim else []
        # A slip inside a chain that ends where it started is a slip of the pen: nothing follows from it.
        linked = all(one.right.number == next_.left.number for one, next_ in pairwise(claims))
        if claims and linked and claims[0].left.number == claims[-1].right.number:
            claims = [claim._replace(holds=True) for claim in claims]
        yield from claims


def _equation(text: str, tokens: Sequence[Token], at: int) -> Claim | None:
    left, right = _left_side(tokens[:at]), _right_side(tokens[at + 1 :])
    if left is None or right is None:
        return None
    return _claim(text, left, right, approximate=tokens[at].text == "≈")


def _statements(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    statement: list[Token] = []
    for token in tokens:
        if token.kind is Kind.BREAK:
            yield statement
            statement = []
        else:
            statement.append(token)
    yield statement


def _left_side(tokens: Sequence[Token]) -> _Side | None:
    """Read the longest expression that ends where the relation stands."""
    borders = (index for index, token in enumerate(tokens) if token.kind in (Kind.COMMA, Kind.OTHER))
    for start in range(max(len(tokens) - MAX_SIDE, 1 + max(borders, default=-1)), len(tokens)):
        if starts_cleanly(tokens, start) and (side := _side(tokens[start:])):
            named = any(token.kind is Kind.WORD for token in tokens[max(0, start - 1) :])
            return side._replace(named=named)
    return None


def _right_side(tokens: Sequence[Token]) -> _Side | None:
    """Read the longest expression that starts behind the relation."""
    for end in range(min(len(tokens), MAX_SIDE), 0, -1):
        if side := _side(tokens[:end]):
            return side if ends_cleanly(tokens, end) else None
    return None


def _is_ratio(tokens: Sequence[Token]) -> bool:
    numbers = [token for token in tokens if token.kind is Kind.NUMBER]
    return len(numbers) == 2 and tokens[0].text == "frac"


def _side(tokens: Sequence[Token]) -> _Side | None:
    bare = bare_expression(tokens)
    if not bare:
        return None
    values: dict[Fraction, Value] = {}
    for reading in _readings(bare):
        try:
            value = evaluate_tokens(bare, reading)
        except NotArithmeticError:
            return None
        values.setdefault(value.number, value)
    if bare[-1].kind is Kind.FACTORIAL:
        # An exclamation mark may just end the sentence.
        value = evaluate_tokens(bare[:-1])
        values.setdefault(value.number, value)
    return _Side(tokens, tuple(values.values()))


def _readings(tokens: Sequence[Token]) -> Iterator[Reading]:
    kinds = {token.kind for token in tokens}
    for percent in Percent if Kind.PERCENT in kinds else (Percent.HUNDREDTHS,):
        for mixed in (False, True) if Kind.FUNCTION in kinds else (False,):
            yield Reading(percent, mixed)


def _claim(text: str, left: _Side, right: _Side, *, approximate: bool) -> Claim | None:
    if left.is_label or not (left.values[0].operations or right.values[0].operations):
        return None
    start, end = left.tokens[0].start, right.tokens[-1].end
    sentence = _sentence(text, start, end)
    approximate = approximate or bool(_APPROXIMATE.search(sentence))
    rounded = bool(_ROUNDED.search(sentence))
    holds = any(
        agree(a, b, approximate=approximate, rounded=rounded) for a in left.values for b in right.values
    )
    if not holds:
        words = {token.text.lower() for token in (*left.tokens, *right.tokens) if token.kind is Kind.WORD}
        operators = {token.text for token in (*left.tokens, *right.tokens) if token.kind is Kind.OPERATOR}
        families = [known for family, known in CONVERSIONS.items() if len(words & family) > known.free]
        if families and operators & {"+", "-"}:
            return None
        holds = any(converts(left.values[0], right.values[0], known.factors) for known in families)
    return Claim(
        text=text[start:end].strip(),
        left=left.values[0],
        right=right.values[0],
        holds=holds,
        hedged=bool(_HEDGE.search(sentence)),
        numbers=tuple(
            Fraction(token.text.replace(",", "")) for token in left.tokens if token.kind is Kind.NUMBER
        ),
        operators=tuple(token.text for token in left.tokens if token.kind is Kind.OPERATOR),
    )


def _division(text: str, tokens: Sequence[Token], at: int) -> Claim | None:
    """Read `706 / 7 = 101 with a remainder of 1`."""
    head, tail = tokens[max(0, at - 3) : at], tokens[at + 1 :]
    found = _REMAINDER.match(text, tokens[at].end)
    if found is None or [token.kind for token in head] != [Kind.NUMBER, Kind.OPERATOR, Kind.NUMBER]:
        return None
    last = next((token for token in tail if token.end == found.end()), None)
    if last is None or head[1].text != "/" or not starts_cleanly(tokens, at - 3):
        return None
    total, divisor = (Fraction(head[place].text.replace(",", "")) for place in (0, 2))
    stated = divisor * int(found[1]) + int(found[2])
    start = head[0].start
    return Claim(
        text=text[start : last.end],
        left=Value(total),
        right=Value(stated, operations=2),
        holds=total == stated,
        hedged=False,
        numbers=(total, divisor),
        operators=("/",),
    )


def _sentence(text: str, start: int, end: int) -> str:
    """Return the sentence around a claim, from the last `then` before it."""
    first, last = max(0, start - SENTENCE), min(len(text), end + SENTENCE)
    opening = max(first, *(text.rfind(stop, first, start) + 1 for stop in (". ", "\n", "? ", "! ")))
    opening = max([opening, *(found.end() for found in _THEN.finditer(text, opening, start))])
    closings = [at for stop in (". ", "\n", "? ") if (at := text.find(stop, end, last)) >= 0]
    return text[opening : min(closings, default=last) + 1]
