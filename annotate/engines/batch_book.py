"""The batches of a ledger: which requests are in which, from before one is made until its results are kept.

A batch is written down before the endpoint hears of it, under a token that goes with it. A process that
finds one without the endpoint's name for it, left by a process that died, looks there for the token: what
was made is fetched, and what wasn't is free to be asked again. So no request is submitted twice, whenever
a process is killed.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from .claimant import Claimant
from .endpoint import Endpoint
from .ledger import Ledger

_LONGEST_SUBMISSION = 3600.0


class Batch(NamedTuple):
    """One batch, as the ledger knows it."""

    token: str
    """Ours; goes with the batch as metadata."""
    remote: str | None
    """The endpoint's name for it; `None` until it is known to have been made."""
    claimant: str
    """Who is making it."""
    created: float
    """Seconds since 1970."""


class BatchBook:
    """The open batches of one endpoint and model in a ledger.

    Args:
        ledger: Where they are written down.
        endpoint: Whose they are.
    """

    def __init__(self, ledger: Ledger, endpoint: Endpoint) -> None:
        self._ledger = ledger
        self._place = (endpoint.base_url, endpoint.model)

    def open(self) -> list[Batch]:
        """Return the batches whose results are not kept yet, oldest first."""
        rows = self._ledger.query(
            "SELECT token, remote, claimant, created FROM batches "
            "WHERE endpoint = ? AND model = ? ORDER BY created, token",
            self._place,
        )
        return [Batch(**row) for row in rows]

    def is_abandoned(self, batch: Batch) -> bool:
        """Whether whoever was making a batch will not finish: it has died, or had an hour."""
        if batch.claimant == str(self._ledger.claimant):
            return True
        return (
            Claimant.parse(batch.claimant).is_dead()
            or self._ledger.now() - batch.created > _LONGEST_SUBMISSION
        )

    def begin(self, keys: Sequence[str]) -> tuple[Batch, list[str]]:
        """Write down a batch that is about to be made, of those requests that nobody else is asking.

        Returns:
            The batch, and the requests in it, in their order; if there are none, nothing was written down.
        """
        batch = Batch(secrets.token_hex(16), None, str(self._ledger.claimant), self._ledger.now())
        return batch, self._ledger.atomically(lambda: self._take(keys, batch))

    def made(self, batch: Batch, remote: str) -> Batch:
        """Note the endpoint's name for a batch."""
        self._ledger.query("UPDATE batches SET remote = ? WHERE token = ?", (remote, batch.token))
        return batch._replace(remote=remote)

    def keys(self, batch: Batch) -> list[str]:
        """Return the requests in a batch."""
        rows = self._ledger.query("SELECT key FROM batched WHERE token = ? ORDER BY key", (batch.token,))
        return [row["key"] for row in rows]

    def close(self, batch: Batch) -> None:
        """Forget a batch: its results are kept, or it was never made. What it left unanswered is free."""

        def forget() -> None:
            self._ledger.query("DELETE FROM batched WHERE token = ?", (batch.token,))
            self._ledger.query("DELETE FROM batches WHERE token = ?", (batch.token,))

        self._ledger.atomically(forget)

    def _take(self, keys: Sequence[str], batch: Batch) -> list[str]:
        # What is in this very batch was written down before the server was lost, without our hearing of it.
        taken = self._ledger.among_open_batches(keys) - set(self.keys(batch))
        claimed = self._ledger.claim(keys).mine
        mine = [key for key in keys if key in claimed and key not in taken]
        if mine:
            self._ledger.query(
                "INSERT INTO batches (token, endpoint, model, claimant, created) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (batch.token, *self._place, batch.claimant, batch.created),
            )
            self._ledger.write(
                "INSERT INTO batched (key, token) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(key, batch.token) for key in mine],
            )
        # From here on they are held by the batch, which outlives this process.
        self._ledger.release(keys)
        return mine
