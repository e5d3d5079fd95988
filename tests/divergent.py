"""Divergences made up for a solution."""

from collections.abc import Sequence

from firstfault.datasets.records import Solution
from firstfault.restore.divergence import Divergence


def diverging(
    solution: Solution, ends: Sequence[int], kl: Sequence[float], parting: int | None = None
) -> Divergence:
    """Make one whose entropy is twice its KL divergence, and whose margin is minus it."""
    starts = [solution.text.index(step) for step in solution.steps]
    return Divergence(
        solution_id=solution.id,
        steps=tuple(max(0, sum(start < end for start in starts) - 1) for end in ends),
        ends=tuple(ends),
        kl=tuple(kl),
        entropy=tuple(2 * value for value in kl),
        margin=tuple(-value for value in kl),
        parting=parting,
        preferred=None if parting is None else "12",
    )


def by_words(solution: Solution) -> list[int]:
    """Ends of tokens that bring the white space before them."""
    return [place for place, char in enumerate(solution.text) if char.isspace()] + [len(solution.text)]
