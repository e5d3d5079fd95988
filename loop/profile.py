"""A divergence as a report shows it: short enough to draw, however long the solution is."""

from collections.abc import Callable, Sequence
from typing import Self

from ..annotate.steps import prefix_before
from ..datasets.records import Record, Solution
from ..restore.divergence import Divergence

MOST_BARS = 240
MOST_MARKED = 60
"""Tokens that are marked in the text, the most divergent ones."""
LEAST_MARKED = 0.1
"""KL divergence from which on a token is marked, in nats."""


class MarkedToken(Record):
    """A token in the text of its step."""

    token: int
    """0-based, in the solution."""
    step: int
    start: int
    """In the step's text, in characters."""
    end: int
    kl: float
    text: str


class StepDivergence(Record):
    """One step of the solution."""

    step: int
    first: int
    """Its first token, 0-based."""
    tokens: int
    kl: float
    """Sum over its tokens, in nats."""
    entropy: float
    """Mean over its tokens, in nats."""
    margin: float
    """Sum over its tokens, in nats: log-probability of the step under full precision minus that under the
    variant."""


class Profile(Record):
    """Both models along one solution of the variant."""

    tokens: int
    per_bar: int
    """Tokens that share one bar."""
    kl: tuple[float, ...]
    """Largest of each bar."""
    entropy: tuple[float, ...]
    """Likewise."""
    margin: tuple[float, ...]
    """Farthest from 0 of each bar."""
    steps: tuple[StepDivergence, ...]
    """Those that have tokens, in order."""
    marked: tuple[MarkedToken, ...]
    """The most divergent tokens, in order."""
    parting: MarkedToken | None
    """The first token at which full precision's most likely one is another."""
    preferred: str | None
    """That one."""

    @classmethod
    def of(cls, found: Divergence, solution: Solution) -> Self:
        """Shorten a divergence.

        Args:
            found: Of the solution.
            solution: With steps.
        """
        tokens = len(found.kl)
        per_bar = max(1, -(-tokens // MOST_BARS))
        begins = [len(prefix_before(solution.text, solution.steps, n)) for n in range(len(solution.steps))]

        def token(place: int) -> MarkedToken:
            step = found.steps[place]
            before = found.ends[place - 1] if place else 0
            length = len(solution.steps[step])
            start, end = (min(max(0, at - begins[step]), length) for at in (before, found.ends[place]))
            text = solution.text[before : found.ends[place]]
            return MarkedToken(
                token=place, step=step, start=start, end=end, kl=found.kl[place], text=text[:80]
            )

        loud = sorted(range(tokens), key=lambda place: (-found.kl[place], place))[:MOST_MARKED]
        return cls(
            tokens=tokens,
            per_bar=per_bar,
            kl=_bars(found.kl, per_bar, float),
            entropy=_bars(found.entropy, per_bar, float),
            margin=_bars(found.margin, per_bar, abs),
            steps=_steps(found),
            marked=tuple(token(place) for place in sorted(loud) if found.kl[place] >= LEAST_MARKED),
            parting=None if found.parting is None else token(found.parting),
            preferred=None if found.preferred is None else found.preferred[:80],
        )


def _bars(values: Sequence[float], per_bar: int, size: Callable[[float], float]) -> tuple[float, ...]:
    groups = (values[start : start + per_bar] for start in range(0, len(values), per_bar))
    return tuple(round(max(group, key=size), 3) for group in groups)


def _steps(found: Divergence) -> tuple[StepDivergence, ...]:
    told: list[StepDivergence] = []
    for step in sorted(set(found.steps)):
        places = [place for place, own in enumerate(found.steps) if own == step]

        def total(values: Sequence[float], places: Sequence[int] = places) -> float:
            return sum(values[place] for place in places)

        told.append(
            StepDivergence(
                step=step,
                first=places[0],
                tokens=len(places),
                kl=round(total(found.kl), 3),
                entropy=round(total(found.entropy) / len(places), 3),
                margin=round(total(found.margin), 3),
            )
        )
    return tuple(told)
