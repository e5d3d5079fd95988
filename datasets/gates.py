"""The gates of a Silver Bullet set: what a judged solution and its pair must pass.

Each counts what it drops and why (`Funnel`). `judged` comes before pairs are made, so that none is made in
vain; `made` and `check` after it. All are pure, and the order of the candidates does not matter.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from .funnel import Funnel
from .near_duplicates import first_of_each, near_duplicates
from .overlap import References
from .records import Pair, Problem, Solution, Verdict, VerdictStatus

Reaches = Callable[[Problem, str], bool]
"""Whether a full solution text reaches the problem's reference answer."""
Progress = Callable[[int], None]
_REPEATED = {True: "the same as another", False: "nearly the same"}
_KINDS = {"exact": "the same question", "ngram": "13 words in a row", "reworded": "in other words"}
# Control characters other than white space, private ones, and what stands for undecodable bytes.
_BROKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufffd]")


class Judged(NamedTuple):
    """A wrong solution and what is said about it: by judges, or by people in their place."""

    problem: Problem
    solution: Solution
    verdict: Verdict


class Candidate(NamedTuple):
    """A pair with what it was made of."""

    problem: Problem
    solution: Solution
    pair: Pair


def judged(
    items: Iterable[Judged],
    references: Mapping[str, References],
    funnel: Funnel,
    *,
    agreed_only: bool = True,
) -> Iterator[Judged]:
    """Put judged solutions through the gates before pairs are made; yield those worth a pair.

    Args:
        items: In any order.
        references: What no problem may overlap with, by name: the held-out split, benchmarks.
        funnel: Where the gates are counted.
        agreed_only: Whether a fault that needs review stays out.
    """
    left = funnel.gate("located", "a first fault was found", items, _why_not_located)
    if agreed_only:
        left = funnel.gate("agreed", "the panel agreed on it, or people settled it", left, _why_not_agreed)
    known: dict[str, str | None] = {}

    def why(item: Judged) -> str | None:
        problem = item.problem
        if problem.id not in known:
            known[problem.id] = _overlap(problem.question, references)
        return known[problem.id]

    return funnel.gate("decontaminated", "the problem is in no test set", left, why)


def made(items: Iterable[Judged], pairs: Iterable[Pair], funnel: Funnel) -> Iterator[Candidate]:
    """Match judged solutions with the pairs that were made of them, and count what gave none."""
    by_solution = {pair.solution_id: pair for pair in pairs}

    def why(item: Judged) -> str | None:
        return None if item.solution.id in by_solution else "full precision does not get there"

    meaning = "full precision went on from before the fault to the answer"
    for item in funnel.gate("continued", meaning, items, why):
        yield Candidate(item.problem, item.solution, by_solution[item.solution.id])


def check(
    candidates: Iterable[Candidate],
    reaches: Reaches | None,
    funnel: Funnel,
    *,
    longest: int,
    progress: Progress | None = None,
) -> list[Pair]:
    """Put pairs through the gates that look at their text.

    Args:
        candidates: In any order.
        reaches: Grades a full solution text; `None` where the answers were verified already.
        funnel: Where the gates are counted.
        longest: Most characters of prompt with continuation.
        progress: Told about every pair that is compared with the others.

    Returns:
        Those that pass, in order of their ids; of those that read nearly the same the first.
    """
    meaning = "both sides go on from the solution's own prefix and differ at the fault"
    left = funnel.gate("contrasting", meaning, candidates, _why_same)
    if reaches is not None:
        meaning = "the right continuation states the reference answer, the faulty one does not"
        left = funnel.gate("verified", meaning, left, lambda one: _why_unverified(one, reaches))
    meaning = "complete, readable and not too long"
    left = funnel.gate("within bounds", meaning, left, lambda one: _why_malformed(one, longest))
    pairs = sorted((one.pair for one in left), key=lambda pair: pair.id)
    same = first_of_each(_squeezed(_whole(pair)) for pair in pairs)
    near = near_duplicates((_whole(pair) for pair in pairs), progress)
    repeated = same | near
    places = funnel.gate(
        "distinct",
        "no other pair reads nearly the same",
        range(len(pairs)),
        lambda place: _REPEATED[place in same] if place in repeated else None,
    )
    return [pairs[place] for place in places]


def template_of(problem: Problem) -> tuple[str, ...]:
    """Return what a problem is made of: of abacus the moves of its story, else its subject."""
    if problem.program is not None:
        try:
            return tuple(str(json.loads(problem.program)["template"]).split())
        except (ValueError, KeyError, TypeError):
            pass
    return (problem.subject,) if problem.subject else ()


def _why_not_located(item: Judged) -> str | None:
    if item.verdict.status is not VerdictStatus.FAULTY:
        return item.verdict.status.value
    fault = item.verdict.first_fault
    return None if fault is not None and fault < len(item.solution.steps) else "no such step"


def _why_not_agreed(item: Judged) -> str | None:
    return "needs review" if item.verdict.needs_review else None


def _overlap(question: str, references: Mapping[str, References]) -> str | None:
    for name, reference in references.items():
        if (kind := reference.overlap(question)) is not None:
            return f"{name}: {_KINDS[kind]}"
    return None


def _why_same(one: Candidate) -> str | None:
    pair, text = one.pair, one.solution.text
    if not text.startswith(pair.prefix) or not pair.prompt.endswith(pair.prefix):
        return "another prefix"
    if _squeezed(text[len(pair.prefix) :]) != _squeezed(pair.rejected):
        return "not what the variant wrote"
    chosen, rejected = _squeezed(pair.chosen), _squeezed(pair.rejected)
    if chosen == rejected:
        return "no difference"
    step = _squeezed(one.solution.steps[pair.step]) if pair.step < len(one.solution.steps) else ""
    return "no difference at the fault" if step and f"{chosen} ".startswith(f"{step} ") else None


def _why_unverified(one: Candidate, reaches: Reaches) -> str | None:
    pair = one.pair
    if not reaches(one.problem, pair.prefix + pair.chosen):
        return "the right side misses the answer"
    # A fault that cancels out teaches nothing that the answer could tell from a detour.
    return "the faulty side reaches the answer" if reaches(one.problem, pair.prefix + pair.rejected) else None


def _why_malformed(one: Candidate, longest: int) -> str | None:
    pair = one.pair
    if not pair.prompt.strip() or not pair.chosen.strip() or not pair.rejected.strip():
        return "empty"
    if len(pair.prompt) + max(len(pair.chosen), len(pair.rejected)) > longest:
        return "too long"
    return (
        "unreadable characters" if any(_BROKEN.search(text) for text in (pair.prompt, pair.chosen)) else None
    )


def _whole(pair: Pair) -> str:
    return f"{pair.prompt}\n{pair.chosen}\n{pair.rejected}"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
