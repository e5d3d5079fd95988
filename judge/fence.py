"""Fences around text that a person or a model wrote, and making that text unable to leave them.

A fence is a pair of tags on lines of their own (`<step number="3">` ... `</step>`). Inside, everything
that could pass for a tag, a model's control token or a long run of backticks is broken by a visible mark,
and invisible characters are spelled out. Nothing is lost: `restored` gives the text back. Words are left
alone: that a text asks for a verdict is no reason to change it, and the prompt says that it is only text.
"""

import re
import unicodedata
from collections.abc import Callable

ESCAPE = "␛"
"""Starts everything that was put into a text to make it harmless."""

BREAK = f"{ESCAPE}·"
"""Breaks a mark in two."""

_LOOK_ALIKES = str.maketrans(
    dict.fromkeys("‹〈⟨❮❬❰˂≺⧼«《⟪", "<")
    | dict.fromkeys("›〉⟩❯❭❱˃≻⧽»》⟫", ">")
    | dict.fromkeys("∣│┃ǀ¦❘⏐‖∥⎮", "|")
    | dict.fromkeys("⁄∕╱⧸", "/")
    | dict.fromkeys("ˋ‵՝`ʽ‛", "`")
    | dict.fromkeys("▁ˍ", "_")
)
# Names of control tokens in square brackets. A general rule would break areas such as [ABC] and [ABCD].
_BRACKETED = (
    r"INST|SYS|BOS|EOS|CLS|SEP|PAD|UNK|MASK|[gs]MASK|IMG|THINK|PREFIX|MIDDLE|SUFFIX|ARGS"
    r"|[A-Z]{3,32}_[A-Z_]{2,32}|control_\d+"
)
_MARK = re.compile(
    rf"""
      <(?=\s{{0,16}}/)                                          # anything that closes
    | <(?=\|[^|<>\n]{{1,64}}\|>)                                # <|im_start|>
    | <(?=[\w:./-]{{1,64}}>)                                    # <s>, <start_of_turn>, <think>
    | <(?=\s{{0,16}}[^\W\d][\w-]{{0,63}}(?:\s{{1,16}}[\w-]{{1,64}}\s{{0,16}}=[^<>\n]{{0,64}})*\s{{0,16}}>)
    | <(?=\s{{0,16}}(?:question|reference|full_precision|step|answer|complaint)\b)
    | <(?=<(?:/?SYS)>>)
    | >(?=>[A-Z_]{{3,32}}<<)                                    # >>TITLE<<
    | \[(?=/?(?:{_BRACKETED})\])                                # [INST]
    | \[(?=\|[^|\[\]\n]{{1,64}}\|\])                            # [|system|]
    | [\[\]](?=[~!][~!a-z]{{0,4}}[\[\]])                        # ]~b]
    | ``(?=`)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CODE = re.compile(rf"{ESCAPE}(?:(·)|({ESCAPE})|\{{([0-9A-F]{{1,6}})\}})")
_VISIBLE_CONTROLS = "\n\t\r"


def fence(name: str, text: str, *, number: int | None = None) -> str:
    """Put a text between the tags of a name; `number` tells fences of one name apart."""
    opening = name if number is None else f'{name} number="{number}"'
    return f"<{opening}>\n{neutralised(text)}\n</{name}>"


def neutralised(text: str) -> str:
    """Return a text in which no part can pass for a fence or a control token.

    Line breaks stay where they are, and none is added.
    """
    shown = text.translate(_SPELLED)
    folded = shown.translate(_FOLDED)
    places = [match.end() for match in _MARK.finditer(folded)]
    pieces = [shown[start:end] for start, end in zip([0, *places], [*places, len(shown)], strict=True)]
    return BREAK.join(pieces)


def restored(text: str) -> str:
    """Return the text that `neutralised` was given.

    Also good for what a judge quotes from inside a fence: text without the marks stays as it is.
    """
    return _CODE.sub(_original, text)


class _Table(dict[int, str]):
    """A translation table that finds out what becomes of a character when it first comes by."""

    def __init__(self, translate: Callable[[str], str]) -> None:
        self._translate = translate

    def __missing__(self, code: int) -> str:
        found = self[code] = self._translate(chr(code))
        return found


def _spelled(char: str) -> str:
    if char == ESCAPE:
        return ESCAPE * 2
    # Format characters (zero width, direction, Unicode tags), controls, lone surrogates and separators
    # can't be seen, or can't be sent.
    if unicodedata.category(char) in {"Cf", "Cc", "Cs", "Zl", "Zp"} and char not in _VISIBLE_CONTROLS:
        return f"{ESCAPE}{{{ord(char):X}}}"
    return char


def _folded(char: str) -> str:
    # One character that looks alike, so that places in the folded text are those in the text.
    if char.isascii():
        return char
    plain = unicodedata.normalize("NFKC", char)
    return (plain if len(plain) == 1 else char).translate(_LOOK_ALIKES)


_SPELLED = _Table(_spelled)
_FOLDED = _Table(_folded)


def _original(match: "re.Match[str]") -> str:
    mark, escape, code = match.groups()
    if mark:
        return ""
    if escape:
        return ESCAPE
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else match[0]
