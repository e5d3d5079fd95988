"""Overlap between problem sets: what must go from the mining split because it is in the held-out one.

Two problems overlap when

- their normalised questions are equal, or
- they share 13 words in a row (the n-gram length of GPT-3's decontamination, arXiv 2005.14165
  appendix C), or
- one may be the other in other words: the same numbers, and either the same words for the most part or
  numbers that no two problems share by chance.

The last is decided by how often the numbers of a problem would meet by chance. With f(n) the share of
reference problems that mention the number n, a set of numbers is expected in about
(number of references) x (product of f) of them, were numbers independent. Where that is below
`CHANCE`, the numbers alone tell; else the words must be alike too (Jaccard index of at least `ALIKE`). So
templated problems, which share their words and not their numbers, stay.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import NamedTuple

from .records import Pair, Problem

NGRAM = 13
CHANCE = 0.3
"""Expected number of references with the same numbers from which numbers alone do not tell."""
ALIKE = 0.3
"""Jaccard index of two questions' words from which they are alike."""
FEWEST = 3
"""Numbers from which numbers alone may tell."""

# fmt: off
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_NAMED = {
    **{word: str(value) for value, word in enumerate(_UNITS)},
    **{word: str(10 * value) for value, word in enumerate(_TENS, 2)},
    **dict.fromkeys(("twice", "double", "doubled", "doubles", "twofold"), "2"),
    **dict.fromkeys(("thrice", "triple", "tripled", "triples", "threefold"), "3"),
    **dict.fromkeys(("quadruple", "quadrupled", "fourfold"), "4"),
    "dozen": "12",
    "hundred": "100",
}
_PARTS = {
    **dict.fromkeys(("half", "halves", "halved"), 2),
    **dict.fromkeys(("third", "thirds"), 3),
    **dict.fromkeys(("quarter", "quarters", "fourth", "fourths"), 4),
    **dict.fromkeys(("fifth", "fifths"), 5),
    **dict.fromkeys(("sixth", "sixths"), 6),
    **dict.fromkeys(("seventh", "sevenths"), 7),
    **dict.fromkeys(("eighth", "eighths"), 8),
    **dict.fromkeys(("ninth", "ninths"), 9),
    **dict.fromkeys(("tenth", "tenths"), 10),
}
_SPELT = frozenset(_NAMED) | frozenset(_PARTS)
_PART_OF = re.compile(rf"(?:\b({'|'.join(_UNITS[1:13])})[ -])?\b({'|'.join(_PARTS)})\b")
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})[ -]({'|'.join(_UNITS[1:10])})\b")
_WORD = re.compile(rf"\b({'|'.join(_NAMED)})\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:\s*/\s*\d+)?")
_THOUSANDS = re.compile(r"(?<=\d)[, ](?=\d{3}\b)")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{?(\d+)\}?\s*\{?(\d+)\}?")

Numbers = tuple[str, ...]


class Overlap(NamedTuple):
    """Problems without overlap, and the ids of those with it, by kind."""

    kept: list[Problem]
    exact: list[str]
    """Ids whose normalised question is also a reference's."""
    ngram: list[str]
    """Ids that share 13 words in a row with a reference."""
    reworded: list[str]
    """Ids that may be a reference in other words."""


class References:
    """Problems that others must not overlap with.

    Args:
        problems: Held-out problems, or the test set of a benchmark.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._questions, self._ngrams = set[str](), set[str]()
        self._by_numbers: dict[Numbers, list[frozenset[str]]] = {}
        mentioned: Counter[str] = Counter()
        self._count = 0
        for problem in problems:
            words = normalised_words(problem.question)
            self._questions.add(" ".join(words))
            self._ngrams.update(_ngrams(words))
            numbers = numbers_in(problem.question)
            self._by_numbers.setdefault(numbers, []).append(frozenset(words))
            mentioned.update(set(numbers))
            self._count += 1
        self._mentioned = mentioned

    def overlap(self, question: str) -> str | None:
        """Say how a question overlaps with a reference: `exact`, `ngram`, `reworded`, or not at all."""
        words = normalised_words(question)
        if " ".join(words) in self._questions:
            return "exact"
        if any(ngram in self._ngrams for ngram in _ngrams(words)):
            return "ngram"
        return "reworded" if self._is_reworded(numbers_in(question), frozenset(words)) else None

    def _is_reworded(self, numbers: Numbers, words: frozenset[str]) -> bool:
        same = self._by_numbers.get(numbers)
        if not same:
            return False
        # Orderings count as one: a set of numbers may come in any.
        expected = self._count * prod(self._mentioned[number] / self._count for number in numbers)
        if len(numbers) >= FEWEST and expected < CHANCE:
            return True
        return any(len(words & other) >= ALIKE * len(words | other) for other in same)


def remove_overlap(mining: Sequence[Problem], held_out: Iterable[Problem]) -> Overlap:
    """Drop every mining problem that overlaps with a held-out one."""
    references = References(held_out)
    found = Overlap([], [], [], [])
    for problem in mining:
        kind = references.overlap(problem.question)
        if kind is None:
            found.kept.append(problem)
        else:
            {"exact": found.exact, "ngram": found.ngram, "reworded": found.reworded}[kind].append(problem.id)
    return found


def unlike(problems: Sequence[Problem], pairs: Iterable[Pair]) -> list[Problem]:
    """Return the problems that overlap with none that was trained on, of which only the pairs are there."""
    asked: dict[str, str] = {}
    for pair in pairs:
        asked.setdefault(pair.problem_id, pair.prompt.removesuffix(pair.prefix))
    known = References(Problem(id=one, question=text, answer="") for one, text in asked.items())
    # The prompt has words of the chat template around the question, so that no question equals it.
    return [
        problem for problem in problems if problem.id not in asked and known.overlap(problem.question) is None
    ]


def normalised_words(text: str) -> list[str]:
    """Lower-case words and numbers, punctuation left out."""
    return re.findall(r"[^\W_]+", text.lower())


def numbers_in(text: str) -> Numbers:
    r"""Return the different numbers of a question, sorted as text, however they are written.

    Number words, `twice`, `a dozen`, `two thirds`, `1,000` and `\frac{1}{2}` are read. 1 and 2 are left out:
    `a`, `one`, `both` and `the two of them` come and go with the wording.
    """
    plain = _FRACTION.sub(r" \1/\2 ", text.lower())
    plain = _THOUSANDS.sub("", plain)
    if not _SPELT.isdisjoint(re.findall(r"[a-z]+", plain)):
        plain = _PART_OF.sub(lambda m: f" {_NAMED[m[1]] if m[1] else 1}/{_PARTS[m[2]]} ", plain)
        plain = _COMPOUND.sub(lambda m: str(int(_NAMED[m[1]]) + int(_NAMED[m[2]])), plain)
        plain = _WORD.sub(lambda m: _NAMED[m[1]], plain)
    found = (_plain_number(match[0]) for match in _NUMBER.finditer(plain))
    return tuple(sorted(set(found) - {"1", "2"}))


def _plain_number(written: str) -> str:
    parts = [part.strip() for part in written.split("/")]
    return "/".join(
        part.rstrip("0").rstrip(".") if "." in part else part.lstrip("0") or "0" for part in parts
    )


def _ngrams(words: Sequence[str]) -> Iterator[str]:
    # Pieces of one text: joining words anew for each of them takes three times as long.
    text = " ".join(words)
    ends = list(accumulate(len(word) + 1 for word in words))
    starts = [0, *ends]
    for start, end in zip(starts, ends[NGRAM - 1 :], strict=False):
        yield text[start : end - 1]
