"""Numbers as people and models write them, read exactly.

Plain digits, thousands, decimals, fractions, mixed numbers, their simple LaTeX, currencies,
percentages and units. Never evaluates: an expression such as `2^3` is not a numeral.
"""

import re
from fractions import Fraction
from typing import NamedTuple

_MAX_DIGITS = 400
_UNSIGNED = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
NUMERAL = re.compile(rf"(?<![\w.])-?\$?{_UNSIGNED}(?:\s*/\s*\d+(?![\w.]))?\s*%?")
"""A number inside running text, its sign, fraction and percent sign included."""

_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s*[$€£¥₹]?\s*(?P<sign2>-?)\s*(?:(?P<whole>\d+)\s+(?P<top>\d+)\s*/\s*(?P<bottom>\d+)"
    rf"|(?P<number>{_UNSIGNED})\.?(?:\s*/\s*(?P<over>{_UNSIGNED}))?)"
    r"\s*[$€£]?\s*(?P<percent>%|percent\b)?\s*(?P<unit>[^\d].*)?",
    re.DOTALL | re.IGNORECASE,
)
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf|operatorname|textit)\s*\{([^{}]*)\}")
_SPACE = re.compile(r"\\[!]\s*|\{,\}(?=\d)")
_THIN_SPACE = re.compile(r"\\[,;: ]|~|\\quad|\\left|\\right")
_DEGREE = re.compile(r"\s*(?:\^\s*(?:\\circ|\{\s*\\circ\s*\})|°|\\degree)")
# A minus set apart from its number. After a word it may be a dash, and is left alone.
_SIGN = re.compile(r"(^\s*|[^\w\s)}\]]\s*)-\s+(?=[\d.$])")
# A word of two letters or more; one letter is a variable ("2k"), and these are not units either.
_WORD = re.compile(r"[A-Za-z]{2,}\.?(?:\^\{?[23]\}?|[²³])?")
_UNIT = re.compile(
    rf"\s*(?:(?:/|per\b)\s*(?:a\s+)?)?(?:{_WORD.pattern})(?:(?:\s+|\s*[/-]\s*)(?:a\s+)?{_WORD.pattern})*\s*\.?\s*"
)
_MATHS = re.compile(
    r"\b(?:pi|sqrt|sin|cos|tan|cot|sec|csc|log|ln|exp|mod|theta|alpha|beta|infty|or|and)\b", re.IGNORECASE
)
_ASSIGNMENT = re.compile(r"^\s*[A-Za-z]\w?\s*=\s*")
# Characters that make the surroundings of a number an expression instead of a sentence.
_OPERATORS = re.compile(r"[\d\\^*+=<>_{}()\[\]|/√π×÷·±]")
_ARITHMETIC_OR_WORDS = re.compile(r"(?:[\d\s.,$%()*/+×÷=-]|(?<=[\d\s])x(?=\s*\d))*|[A-Za-z ]*")
_LONE_LETTER = re.compile(r"(?<![A-Za-z'’])(?![aAI]\b)[A-Za-z](?![A-Za-z'’.])")


class Number(NamedTuple):
    """An exact number as written."""

    value: Fraction
    percent: bool
    """Whether it was written as a percentage; `value` is then the number before the sign."""

    def equals(self, other: "Number") -> bool:
        """Compare exactly; a percentage equals both its number (50) and its value (1/2)."""
        if self.value == other.value:
            return True
        if self.percent == other.percent:
            return False
        percentage, plain = (self, other) if self.percent else (other, self)
        return percentage.value / 100 == plain.value


def read_number(text: str) -> Number | None:
    r"""Read a text that is one number and nothing else but a currency or a unit.

    `1,234.50`, `$18`, `50%`, `3 1/2`, `\frac{14}{3}`, `90^\circ`, `5.4 \text{ cents}` and `x = 5`
    are numbers; `2k`, `12\pi`, `1, 2` and `2^3` are not.
    """
    if len(text) > _MAX_DIGITS + 100:
        return None
    plain = _ASSIGNMENT.sub("", simplify_notation(text), count=1).strip()
    match = _NUMBER.fullmatch(plain)
    if match is None:
        return None
    if match["unit"] and (not _UNIT.fullmatch(match["unit"]) or _MATHS.search(match["unit"])):
        return None
    # "2ab" is a product; "2 cm" is a length.
    if match["unit"] and match["unit"][0] != "/" and not plain[match.start("unit") - 1].isspace():
        return None
    return _number(match)


def read_number_in_words(text: str) -> Number | None:
    """Read the only number of a sentence, or the right side of an equation between numbers.

    `She makes $18 every day`, `18 eggs` and `9 * 2 = 18` give 18; `2k`, `5 or 6` and
    `3 + sqrt(2)` give none, since taking one number out of them would change what they say.
    """
    if len(text) > 1000:
        return None
    plain = simplify_notation(text)
    left, equals, right = plain.rpartition("=")
    if equals and _ARITHMETIC_OR_WORDS.fullmatch(left):
        plain = right
    numbers = list(NUMERAL.finditer(plain))
    if len(numbers) != 1:
        return None
    if plain[: numbers[0].start()].rstrip().endswith("-"):
        return None
    around = plain[: numbers[0].start()] + " " + plain[numbers[0].end() :]
    if any(pattern.search(around) for pattern in (_OPERATORS, _LONE_LETTER, _MATHS)):
        return None
    return read_number(numbers[0][0])


def simplify_notation(text: str) -> str:
    """Write LaTeX spacing, text marks, degrees, currencies and plain fractions as plain text."""
    text = text.replace("−", "-").replace("–", "-").replace("⁄", "/").replace("\u00a0", " ")
    text = _SPACE.sub(lambda match: "," if match[0].startswith("{") else "", text)
    text = _THIN_SPACE.sub(" ", text)
    text = _TEXT.sub(lambda match: f" {match[1]}", text)
    text = text.replace("\\$", "$").replace("\\%", "%")
    text = _DEGREE.sub(" degrees", text)
    text = _FRACTION.sub(lambda match: f" {match[1] or match[2]}/{match[3] or match[4]}", text)
    return _SIGN.sub(r"\1-", text.replace("$ ", "$")).strip()


def _number(match: re.Match[str]) -> Number | None:
    digits = "".join(value for value in match.groups() if value)
    if len(digits) > _MAX_DIGITS:
        return None
    if match["whole"]:
        whole, top, bottom = (int(match[name]) for name in ("whole", "top", "bottom"))
        if not bottom:
            return None
        value = whole + Fraction(top, bottom)
    else:
        value = Fraction(match["number"].replace(",", ""))
        if match["over"]:
            divisor = Fraction(match["over"].replace(",", ""))
            if not divisor:
                return None
            value /= divisor
    negative = (match["sign"] == "-") != (match["sign2"] == "-")
    return Number(-value if negative else value, percent=bool(match["percent"]))
