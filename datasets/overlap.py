"""Overlap between problem sets: what must go from the mining split because it is in the held-out one.

Two problems overlap when their normalised questions are equal or share 13 words in a row (the n-gram
length of GPT-3's decontamination, arXiv 2005.14165 appendix C).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .records import Problem

NGRAM = 13


class Overlap(NamedTuple):
    """Mining problems without, and ids of those with, overlap with the held-out ones."""

    kept: list[Problem]
    exact: list[str]
    """Ids whose normalised question is also held out."""
    ngram: list[str]
    """Ids that share 13 words in a row with a held-out question."""


def remove_overlap(mining: Sequence[Problem], held_out: Iterable[Problem]) -> Overlap:
    """Drop every mining problem that overlaps with a held-out one."""
    questions, ngrams = set[str](), set[str]()
    for problem in held_out:
        words = normalised_words(problem.question)
        questions.add(" ".join(words))
        ngrams.update(_ngrams(words))
    found = Overlap([], [], [])
    for problem in mining:
        words = normalised_words(problem.question)
        if " ".join(words) in questions:
            found.exact.append(problem.id)
        elif any(ngram in ngrams for ngram in _ngrams(words)):
            found.ngram.append(problem.id)
        else:
            found.kept.append(problem)
    return found


def normalised_words(text: str) -> list[str]:
    """Lower-case words and numbers, punctuation left out."""
    return re.findall(r"[^\W_]+", text.lower())


def _ngrams(words: Sequence[str]) -> Iterator[str]:
    for start in range(len(words) - NGRAM + 1):
        yield " ".join(words[start : start + NGRAM])
