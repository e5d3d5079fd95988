"""What the routes of a service share."""

from collections.abc import Callable
from typing import NamedTuple, cast

from anyio import CapacityLimiter
from fastapi import Request

from ...annotate.engines.ledger_place import LedgerPlace
from ...judge.case import Judge
from ..config import ServiceConfig
from ..store.database import Database
from ..work.jobs import Jobs
from ..work.purses import Purses
from ..work.queue import Line
from ..work.runs import Runs
from ..work.tasks import Tasks


class State(NamedTuple):
    """One service."""

    database: Database
    config: ServiceConfig
    jobs: Jobs
    runs: Runs
    tasks: Tasks
    line: Line
    ledger: LedgerPlace
    needs_keys: bool
    judging: CapacityLimiter
    """Threads that judge at once."""
    uploading: CapacityLimiter
    """Threads that store uploads."""
    purses: Purses
    """What single solutions are paid from."""
    rollout: Callable[[], Judge]
    """Makes the rollout judge of panels that have it."""


def state_of(request: Request) -> State:
    """Return the state of the service that a request came to."""
    return cast(State, request.app.state.service)
