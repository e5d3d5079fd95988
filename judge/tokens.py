"""Tokens of plain mathematical text.

Works on the output of `notation.plain`. Words stay tokens too: the reader of claims decides which of
them are units and which make an expression something it can't check.
"""

import re
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    CONSTANT = "constant"
    OPERATOR = "operator"
    PERCENT = "percent"
    FACTORIAL = "factorial"
    FUNCTION = "function"
    OPEN = "open"
    CLOSE = "close"
    RELATION = "relation"
    WORD = "word"
    COMMA = "comma"
    BREAK = "break"
    OTHER = "other"


class Token(NamedTuple):
    """One token and where it stands in the plain text."""

    kind: Kind
    text: str
    start: int
    end: int
    tight: bool
    """Whether it follows the token before without white space."""


MAX_DIGITS = 40
"""Longest number that is read as one."""

_PATTERN = re.compile(
    r"(?P<other>\.{2,}|\d+:\d+|\d+(?:st|nd|rd|th)\b|(?<=\d),(?=\d)|_)"
    r"|(?P<number>[1-9]\d{0,2}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+\.\d+|\d+|\.\d+)"
    r"|(?P<operator>\*|/|\+|-|\^|(?:times|plus|minus|multiplied by|divided by|choose|of)\b)"
    r"|(?P<percent>%|percent\b)"
    r"|(?P<function>sqrt(?=\()|frac(?=\())"
    r"|(?P<constant>pi\b)"
    r"|(?P<word>[A-Za-z]+(?:['’][A-Za-z]+|-(?=[A-Za-z]{2})[A-Za-z]+)*)"
    r"|(?P<relation>=|≈|≠|≡|≤|≥|<|>)"
    r"|(?P<factorial>!)"
    r"|(?P<open>\()|(?P<close>\))|(?P<comma>,)"
    r"|(?P<break>[\n.;:?])"
    r"|(?P<stray>\S)"
)
_SPELLED = {
    "times": "*",
    "multiplied by": "*",
    "plus": "+",
    "minus": "-",
    "divided by": "/",
}


def tokenize(text: str) -> list[Token]:
    """Split plain text into tokens. Never fails: what it does not know is `Kind.OTHER`."""
    tokens: list[Token] = []
    for found in _PATTERN.finditer(text):
        kind = Kind.OTHER if found.lastgroup == "stray" else Kind(found.lastgroup)
        if kind is Kind.NUMBER and len(found[0]) > MAX_DIGITS:
            kind = Kind.OTHER
        tight = bool(tokens) and tokens[-1].end == found.start()
        spelled = _SPELLED.get(found[0], found[0])
        tokens.append(Token(kind, spelled, found.start(), found.end(), tight))
    return [_cross(tokens, index) for index in range(len(tokens))]


def _cross(tokens: list[Token], index: int) -> Token:
    """Read an `x` between two numbers as a multiplication sign."""
    token = tokens[index]
    if token.text not in ("x", "X") or index == 0 or index + 1 == len(tokens):
        return token
    before, after = tokens[index - 1], tokens[index + 1]
    joins = before.kind in (Kind.NUMBER, Kind.CLOSE, Kind.PERCENT) or (
        before.kind is Kind.WORD and len(before.text) > 2
    )
    spaced = not token.tight and not after.tight
    if joins and (after.kind is Kind.NUMBER or (spaced and after.kind is Kind.OPEN)):
        return token._replace(kind=Kind.OPERATOR, text="*")
    return token
