r"""Untrusted text as pages show it: escaped, made harmless, clipped, and its maths set as maths."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..annotate.maths import all_maths, delimited
from ..datasets.showing import clip, harmless
from .mathml import mathml


class Formula(NamedTuple):
    """Maths in a text, as it is shown."""

    start: int
    end: int
    markup: Markup


def formulas(text: str) -> list[Formula]:
    """Find the maths of a text that can be shown as maths, in its order."""
    found = [(start, one, mathml(one.content, is_block=one.is_set_apart)) for start, one in all_maths(text)]
    return [Formula(start, one.end, markup) for start, one, markup in found if markup is not None]


def part(text: str, formulas: Sequence[Formula], start: int, end: int) -> Markup:
    """Return a part of a text with those of its formulas that lie in it as a whole."""
    parts: list[Markup] = []
    for one in formulas:
        if start <= one.start and one.end <= end:
            parts += [Markup.escape(harmless(text[start : one.start])), one.markup]
            start = one.end
    return Markup("").join([*parts, Markup.escape(harmless(text[start:end]))])


def typeset(text: object, most: int = 1200) -> Markup:
    """Return untrusted text with its maths set.

    Args:
        text: The text.
        most: Characters after which it is clipped.
    """
    whole = clip(str(text), most)
    return part(whole, formulas(whole), 0, len(whole))


def typeset_answer(latex: object, most: int = 200) -> Markup:
    """Return an answer, which may be LaTeX without delimiters, with its maths set."""
    answer = str(latex)
    return typeset(delimited(answer) if len(answer) <= most else answer, most + len(r"\(\)"))
