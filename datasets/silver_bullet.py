"""Choosing a Silver Bullet set: few pairs that cover what goes wrong.

Candidates that passed the `gates` are divided by problem into train and test, and of each part few are
chosen by greedy coverage (`coverage`). Pure and seeded; the order of the candidates does not matter.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from .config import Config
from .coverage import cover
from .funnel import Funnel
from .records import Pair

SIZE = 332
"""The size of the paper's set (arXiv 2505.11574)."""


class CurateConfig(Config):
    """Which pairs are kept."""

    size: int = Field(default=SIZE, ge=1)
    """Most pairs to train on; of the test part, its share of as many."""
    seed: int = 0
    """Decides between pairs that are equally good."""
    test_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of the mining problems that is set aside for the test part."""
    agreed_only: bool = True
    """Whether a fault must be agreed on, by the panel or by people: what needs review stays out."""
    longest: int = Field(default=16_000, ge=100)
    """Most characters of prompt with continuation."""
    margins: bool = True
    """Whether to compute how much full precision and the variant prefer the right continuation: two passes of
    either model over every pair."""
    benchmarks: tuple[Path, ...] = ()
    """Test sets to stay clear of, besides the held-out split: files of problems, or folders of files."""


class Curated(NamedTuple):
    """The chosen pairs, best first."""

    train: list[Pair]
    test: list[Pair]


def choose(pairs: Sequence[Pair], config: CurateConfig, funnel: Funnel) -> Curated:
    """Divide pairs by problem into train and test, and choose of each by coverage.

    Args:
        pairs: Different pairs, with margins where they are known.
        config: How many.
        funnel: Where it is counted.
    """
    train = [pair for pair in pairs if not is_test(pair.problem_id, config.test_share)]
    test = [pair for pair in pairs if is_test(pair.problem_id, config.test_share)]
    if not train:
        train, test = test, []
    most_test = round(config.size * config.test_share)
    curated = Curated(cover(train, config.size, seed=config.seed), cover(test, most_test, seed=config.seed))
    outcomes = funnel.count("chosen", "covers most of what goes wrong")
    outcomes[None] += len(curated.train) + len(curated.test)
    for part, all_of_it, taken in (("train", train, curated.train), ("test", test, curated.test)):
        if len(all_of_it) > len(taken):
            outcomes[f"not needed ({part})"] += len(all_of_it) - len(taken)
    return curated


def is_test(problem_id: str, share: float) -> bool:
    """Tell whether a problem belongs to the test part.

    By its id alone, so that no later revision moves a problem from one part to the other.
    """
    digest = hashlib.sha256(problem_id.encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
