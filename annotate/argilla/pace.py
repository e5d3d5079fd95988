"""How quick a reviewer is, from when they answered."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from ...datasets.records import Review
from ..reviews import when

PAUSE = timedelta(minutes=10)
"""Who answers nothing for longer than that has not been at work."""


class Pace(NamedTuple):
    """How quick a reviewer is."""

    hours: float
    """Time at work."""
    per_hour: float | None
    """Reviews per hour; `None` where no two answers lie close enough to tell."""


def pace(reviews: Iterable[Review]) -> Pace:
    """Measure how quick one reviewer is.

    The time from one answer to the next is what the next one took, unless it is a pause. When work began
    before the first answer, and before the one after a pause, is not known: those reviews count neither as
    reviews nor as time. A review that was changed counts where it was last changed.
    """
    moments = sorted(filter(None, map(_moment, reviews)))
    taken = [later - earlier for earlier, later in pairwise(moments) if later - earlier <= PAUSE]
    hours = sum(taken, timedelta()) / timedelta(hours=1)
    return Pace(hours, len(taken) / hours if hours else None)


def _moment(review: Review) -> datetime | None:
    # Reviews from files may hold anything.
    try:
        moment = datetime.fromisoformat(when(review))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
