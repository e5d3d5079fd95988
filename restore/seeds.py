"""Recovery of a way of restoring: the mean over several seeds of training.

One seed's recovery has an interval of the problems it was measured on; another seed would give another
model. What is said of a way of restoring must hold for both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..datasets.errors import InputError
from ..datasets.records import Solution
from .recovery import Recovery, by_problem

_CHUNK = 1_000


def recovery_over_seeds(
    full_precision: Sequence[Solution],
    quantized: Sequence[Solution],
    restored: Sequence[Sequence[Solution]],
    *,
    against: Sequence[Sequence[Solution]] | None = None,
    draws: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Recovery:
    """Mean recovery over seeds, or its difference from another way's, with a percentile interval.

    The bootstrap draws problems, each with its results of all models, and apart from them seeds, each
    with its whole model. Of n seeds n - 1 are drawn, so that few of them do not seem to vary less than
    they do (Rao and Wu, Resampling Inference with Complex Survey Data, JASA 83, 1988); of a single one
    the interval is that of `recovery`.

    Args:
        full_precision: Graded solutions, one per problem.
        quantized: Of the same problems, in any order.
        restored: Of the same problems, one list per seed.
        against: Another way's; what is returned is then the first's mean recovery minus this one's,
            compared on the same problems.
        draws: Bootstrap draws.
        level: Coverage of the interval.
        seed: Of the draws.

    Raises:
        InputError: If there is no seed, a problem is missing from a model or comes twice, or a
            solution is not graded.
    """
    ways = [restored] if against is None else [restored, against]
    if not all(ways):
        raise InputError("no seed to tell a mean of", hint="Restore with at least one seed")
    results = [by_problem(one) for one in (full_precision, quantized)]
    seeds = [[by_problem(one) for one in way] for way in ways]
    problems = sorted(results[0])
    for result in (results[1], *(one for way in seeds for one in way)):
        if result.keys() != results[0].keys():
            odd = min(result.keys() ^ results[0].keys())
            raise InputError(
                f"problem {odd} is not solved by all models", hint="Measure all of them on the same problems."
            )

    def solved(result: dict[str, bool]) -> npt.NDArray[np.float64]:
        return np.array([result[problem] for problem in problems], dtype=np.float64)

    full, low_bit = (solved(result) for result in results)
    lost = full - low_bit
    regained = [np.array([solved(one) for one in way]) - low_bit for way in seeds]
    total = lost.sum()
    value = None
    if total > 0:
        means = [float(way.sum(axis=1).mean() / total) for way in regained]
        value = means[0] if against is None else means[0] - means[1]
    shares, left_out = _draw(lost, regained, draws, seed)
    if value is None or not len(shares):
        return Recovery(value, None, None, len(problems), left_out)
    tail = (1 - level) / 2
    low, high = np.quantile(shares, [tail, 1 - tail])
    return Recovery(value, float(low), float(high), len(problems), left_out)


def _draw(
    lost: npt.NDArray[np.float64], regained: Sequence[npt.NDArray[np.float64]], draws: int, seed: int
) -> tuple[npt.NDArray[np.float64], float]:
    """Return the drawn values, and the share of draws in which nothing was lost.

    Args:
        lost: (problems,) what quantization lost of each: 1, 0 or -1.
        regained: Of each way (seeds, problems).
        draws: Bootstrap draws.
        seed: Of them.
    """
    rng = np.random.default_rng(seed)
    count = len(lost)
    parts: list[npt.NDArray[np.float64]] = []
    for start in range(0, draws, _CHUNK):
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=min(_CHUNK, draws - start))
        total = drawn @ lost
        means: list[npt.NDArray[np.float64]] = []
        for way in regained:
            seeds = len(way)
            chosen = rng.integers(seeds, size=(len(drawn), max(1, seeds - 1)))
            means.append(np.take_along_axis(drawn @ way.T, chosen, axis=1).mean(axis=1))
        usable = total > 0
        difference = means[0] if len(means) == 1 else means[0] - means[1]
        parts.append(difference[usable] / total[usable])
    shares = np.concatenate(parts)
    return shares, 1.0 - len(shares) / draws
