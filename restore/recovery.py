"""How much of what quantization lost a restored model has got back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..datasets.errors import InputError
from ..datasets.records import Interval, Solution


class Recovery(NamedTuple):
    """Share of the loss that was got back, with a percentile interval."""

    value: float | None
    """1 is all of it; above 1 is better than full precision, below 0 worse than quantized. `None`
    when quantization lost nothing, so that there is nothing to get back."""
    low: float | None
    high: float | None
    problems: int
    draws_left_out: float
    """Share of the bootstrap draws in which the quantized model lost nothing. They have no
    recovery and the interval is of the others; a large share means that the loss is too small on
    too few problems for a recovery to mean anything."""

    @property
    def interval(self) -> Interval | None:
        """The value with its interval; `None` where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return Interval(value=self.value, low=self.low, high=self.high)


def recovery(
    full_precision: Sequence[Solution],
    quantized: Sequence[Solution],
    restored: Sequence[Solution],
    *,
    draws: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Recovery:
    """Compare three models on the same held-out problems.

    Recovery is (restored - quantized) / (full precision - quantized), each the number of problems
    solved. The interval is the percentile bootstrap (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13): problems are drawn with replacement, and a problem brings its
    three results along, since they are far from independent.

    Args:
        full_precision: Graded solutions, one per problem.
        quantized: Of the same problems, in any order.
        restored: Of the same problems, in any order.
        draws: Bootstrap draws.
        level: Coverage of the interval.
        seed: Of the draws.

    Raises:
        InputError: If a problem is missing from one of the models or comes twice, a solution is
            not graded, or there is none at all.
    """
    results = [by_problem(solutions) for solutions in (full_precision, quantized, restored)]
    problems = sorted(results[0])
    if not problems:
        raise InputError("no solutions to compare", hint="Measure the models on the held-out problems first.")
    for result in results[1:]:
        if result.keys() != results[0].keys():
            odd = min(result.keys() ^ results[0].keys())
            raise InputError(
                f"problem {odd} is not solved by all three models",
                hint="Measure full precision, quantized and restored on the same problems.",
            )
    correct = np.array([[result[problem] for result in results] for problem in problems], dtype=np.int64)
    lost, regained = _losses(correct)
    value = None if lost <= 0 else float(regained / lost)
    low, high, left_out = _interval(correct, draws, level, seed)
    if value is None:
        low = high = None
    return Recovery(value, low, high, len(problems), left_out)


def by_problem(solutions: Sequence[Solution]) -> dict[str, bool]:
    """Return by problem whether it was solved.

    Raises:
        InputError: If a solution is not graded, or a problem comes twice.
    """
    results: dict[str, bool] = {}
    for solution in solutions:
        if solution.correct is None:
            raise InputError(
                f"solution {solution.id} of {solution.model} is not graded", hint="Grade the solutions first."
            )
        if solution.problem_id in results:
            raise InputError(
                f"problem {solution.problem_id} is solved twice by {solution.model}",
                hint="Give one solution per problem and model.",
            )
        results[solution.problem_id] = solution.correct
    return results


def _losses(correct: npt.NDArray[np.int64]) -> tuple[int, int]:
    full, quantized, restored = (int(total) for total in correct.sum(axis=0))
    return full - quantized, restored - quantized


def _interval(
    correct: npt.NDArray[np.int64], draws: int, level: float, seed: int
) -> tuple[float | None, float | None, float]:
    # A problem matters by its three results only, of which there are eight kinds: drawing how many
    # of each kind come up is the same bootstrap, and fast.
    kinds = correct @ np.array([4, 2, 1])
    counts = np.bincount(kinds, minlength=8)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(correct), counts / len(correct), size=draws)
    patterns = np.array([[kind >> 2 & 1, kind >> 1 & 1, kind & 1] for kind in range(8)])
    solved = drawn @ patterns
    lost = solved[:, 0] - solved[:, 1]
    usable = lost > 0
    left_out = 1.0 - float(usable.mean())
    if not usable.any():
        return None, None, left_out
    shares = (solved[usable, 2] - solved[usable, 1]) / lost[usable]
    tail = (1 - level) / 2
    low, high = np.quantile(shares, [tail, 1 - tail])
    return float(low), float(high), left_out
