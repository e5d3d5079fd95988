r"""What in a model's text is maths that can be shown as such: `$x$`, `$$x$$`, `\(x\)`, `\[x\]`.

What sets it (KaTeX in Argilla, `loop.mathml` in reports and on the page) obeys commands that hide, move,
colour or link what is written. Maths with one of these is not maths here, so that its source is shown.
Whether it is well-formed is left to what sets it, which shows the source of what it can't read.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..datasets.showing import is_hidden

OWN_SPACES = frozenset("\u2009\u200a")
"""Spaces that mark something when `argilla.markdown` writes them; a text that has them is escaped there."""
MOST_CHARACTERS = 2000
DEEPEST = 20
"""Levels of braces, delimiters and environments. KaTeX runs out of stack somewhere in the hundreds, and
what Argilla cleans loses everything below 255 elements."""

_INSIDE = rf"(?:[^\\$]|\\(?![()\[\]])[^\n]|\\\n){{1,{MOST_CHARACTERS}}}?"
_KINDS = {
    "$$": re.compile(rf"\$\$(?!\$)({_INSIDE})\$\$(?!\$)"),
    "\\[": re.compile(rf"\\\[({_INSIDE})\\\]"),
    "$": re.compile(rf"\$({_INSIDE})\$(?!\$)"),
    "\\(": re.compile(rf"\\\(({_INSIDE})\\\)"),
}
_DEPTH = re.compile(
    r"(?P<deeper>\{|\\(?:left|begin|(?:display|text|script|scriptscript)style)(?![A-Za-z]))"
    r"|(?P<back>\}|\\(?:right|end)(?![A-Za-z]))|\\.",
    re.DOTALL,
)
_OBEYED = re.compile(
    r"\\(?:href|url|html[A-Za-z]*|includegraphics|(?:text)?color|f?colorbox"
    r"|[egx]?def|let|futurelet|global|long|(?:re)?newcommand|providecommand"
    r"|char|rule|m?kern|[hm]skip|hspace|raisebox|[hv]?phantom(?!\{[-+=]\})|smash|(?:math)?[lrc]lap"
    r"|mathchoice|genfrac|above|(?:err)?message|show|verb)(?![A-Za-z])"
    # Inner commands that drop what they are given, and rows a screen apart.
    r"|\\@|\\\\\s*\[\s*(?:-|\d{3,}|\d{2,}\s*(?:em|ex|cm|in))"
)
_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*%")
_PROSE = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}[ \n]+[A-Za-z]{2,}|^\s*\d[\d,.]*\s+[A-Za-z]{2,}")
_SET_TEXT = re.compile(r"\\(?:text|mbox|mathrm|operatorname|textbf|textit)[a-z]*\*?\s*\{[^{}]*\}|\\[A-Za-z]+")


_SPECIAL = re.compile(r"\\.|\$", re.DOTALL)
_LATEX = re.compile(r"(?=.*(?:\\[A-Za-z$%]|\^))[\w\s\\{}()\[\]^+*/=.,|!'$%-]+", re.DOTALL)


class Maths(NamedTuple):
    """Maths found in a text."""

    opening: str
    r"""`$`, `$$`, `\(` or `\[`."""
    content: str
    """What stands between the delimiters, as written."""
    end: int
    """Where the closing delimiter ends."""

    @property
    def is_set_apart(self) -> bool:
        r"""Whether it is to stand alone in its line: between `$$`, or `\[` and `\]`."""
        return self.opening in ("$$", "\\[")


def find_maths(text: str, start: int) -> Maths | None:
    r"""Read maths that begins at a place in a text.

    Args:
        text: The text.
        start: Index of a `$` or of the backslash of `\(` or `\[`, itself not escaped.

    Returns:
        The maths; `None` if nothing closes it, if it is an amount of money, or if it would not be shown as
        what it is.
    """
    opening = next((one for one in _KINDS if text.startswith(one, start)), None)
    if opening is None:
        return None
    found = _KINDS[opening].match(text, start)
    if found is None:
        return None
    maths = Maths(opening, found[1], found.end())
    if opening == "$" and (_is_money(maths.content) or text[maths.end : maths.end + 1].isdigit()):
        return None
    return maths if _is_shown(maths) else None


def all_maths(text: str) -> Iterator[tuple[int, Maths]]:
    """Find the maths of a text, with where each begins."""
    position = 0
    while special := _SPECIAL.search(text, position):
        position = special.end()
        if special[0] in ("$", "\\(", "\\[") and (maths := find_maths(text, special.start())) is not None:
            yield special.start(), maths
            position = maths.end


def delimited(latex: str) -> str:
    r"""Put delimiters around LaTeX that has none, such as the answer `\frac{1}{2}`; words stay words."""
    if not _LATEX.fullmatch(latex):
        return latex
    whole = f"\\({latex}\\)"
    maths = find_maths(whole, 0)
    return whole if maths is not None and maths.end == len(whole) else latex


def _is_money(content: str) -> bool:
    # Pandoc's rule, and one for amounts that a sentence runs between.
    if content[0].isspace() != content[-1].isspace():
        return True
    return _PROSE.search(_SET_TEXT.sub(" ", content)) is not None


def _is_shown(maths: Maths) -> bool:
    content = maths.content
    return (
        not content.isspace()
        # A line break inside would end what KaTeX reads.
        and (maths.is_set_apart or "\n" not in content)
        and not any(is_hidden(char) or char in OWN_SPACES for char in content)
        and not _OBEYED.search(content)
        and not _COMMENT.search(content)
        and _depth(content) <= DEEPEST
    )


def _depth(content: str) -> int:
    depth = deepest = 0
    for mark in _DEPTH.finditer(content):
        depth += (mark.lastgroup == "deeper") - (mark.lastgroup == "back")
        deepest = max(deepest, depth)
    return deepest
