"""abacus: seeded grade-school word problems, each with the exact program behind it.

A story is a chain of moves on a quantity (more arrive, some go, a share goes, they multiply, they are
packed equally, somebody else has more of them, they are sold, ...). Every move adds one or two nodes
to the program; the level of a problem is its number of nodes, which is the number of steps of its
solution. Distractors are sentences whose numbers no node uses.

Splits never share a problem: template and numbers together (names and wording left out) are hashed,
and the hash decides the split.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from .draft import DeadEndError
from .program import Program
from .records import Problem, Split
from .story import Story

LEVELS = tuple(range(2, 9))
LARGEST = 300

_BUCKETS = {Split.HELD_OUT: range(0, 3), Split.MINING: range(3, 6), Split.TRAIN: range(6, 10)}


def generate(
    split: Split,
    count: int,
    *,
    seed: int = 0,
    levels: Sequence[int] = LEVELS,
    largest: int = LARGEST,
    distractors: int = 2,
) -> list[Problem]:
    """Make problems; a larger count starts with the problems of a smaller one.

    Args:
        split: Which of the disjoint splits to draw from.
        count: How many problems.
        seed: Same arguments, same problems.
        levels: Numbers of steps to draw from, evenly; each from 2 to 8.
        largest: Largest number that occurs.
        distractors: At most this many distractor sentences a problem.

    Raises:
        ValueError: If a level is out of range or numbers are too small to tell stories with.
    """
    if not levels or not set(levels) <= set(LEVELS):
        raise ValueError(f"levels must be from {LEVELS[0]} to {LEVELS[-1]}, got {list(levels)}")
    if largest < 100:
        raise ValueError(f"largest must be at least 100, got {largest}")
    stream = stream_problems(split, seed=seed, levels=levels, largest=largest, distractors=distractors)
    return list(islice(stream, count))


def stream_problems(
    split: Split,
    *,
    seed: int = 0,
    levels: Sequence[int] = LEVELS,
    largest: int = LARGEST,
    distractors: int = 2,
) -> Iterator[Problem]:
    """Yield problems of a split without end and without repeating one; see `generate`."""
    rng = Random(f"abacus:{split}:{seed}")
    seen: set[str] = set()
    while True:
        level = rng.choice(levels)
        while True:  # until a story of this level succeeds, so that hard levels stay as frequent as easy ones
            try:
                question, program = Story(rng, largest).tell(level, rng.randint(0, distractors))
            except DeadEndError:
                continue
            digest = hashlib.sha256(signature(program).encode()).hexdigest()
            if int(digest[:8], 16) % 10 in _BUCKETS[split] and digest not in seen:
                break
        seen.add(digest)
        yield Problem(
            question=question,
            answer=str(program.answer),
            source="abacus",
            split=split,
            level=level,
            subject=program.template.split(" ", 1)[0],
            licence="Apache-2.0",
            program=program.model_dump_json(),
        )


def signature(program: Program) -> str:
    """Template and numbers of a problem, distractors and wording left out."""
    return f"{program.template}|{','.join(given.text for given in program.givens if given.used)}"


def program_of(problem: Problem) -> Program:
    """The program behind an abacus problem.

    Raises:
        ValueError: If the problem carries none.
    """
    if problem.program is None:
        raise ValueError(f"problem {problem.id} has no program: it is not from abacus")
    return Program.model_validate_json(problem.program)
