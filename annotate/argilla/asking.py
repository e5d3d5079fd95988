"""What people are asked about, and how: the choices of who sends solutions to review."""

from enum import StrEnum
from typing import NamedTuple


class What(StrEnum):
    """Which solutions to ask about."""

    DOUBTFUL = "doubtful"
    """Where judges disagree or are unsure first, and a random share beside them."""
    RANDOM = "random"
    """By chance alone."""
    ALL = "all"
    DISPUTED = "disputed"
    """Where reviewers disagree, for another one to decide."""


class Blind(StrEnum):
    """Which of them are shown without the judge's suggestion."""

    NONE = "none"
    HALF = "half"
    """Half of the random ones, by chance: the difference between the halves is what suggestions do."""
    ALL = "all"


class Asking(NamedTuple):
    """What people are asked about, and how."""

    what: What = What.DOUBTFUL
    size: int = 100
    """Most solutions to choose; `all` heeds no size."""
    random_share: float = 0.2
    """Of the chosen ones when they are `doubtful`, in [0, 1]."""
    gold: float = 0.1
    """Planted faults beside them, as a share of them."""
    blind: Blind = Blind.HALF
    answers: int = 2
    """People's answers that complete a solution."""
    seed: int = 0
    """Same seed, same sample."""
