"""What was asked of paid or slow endpoints, and what they answered, so that nothing is bought twice.

One row per request, found again by what the request says and not by who asked it. In a SQLite file it may
be shared by threads and processes of one machine (not over a network file system), in PostgreSQL by
machines; it outlives any of them being killed. It holds answers; conversations only as hashes, and never a
key of an API.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...datasets.errors import InputError
from ...datasets.records import Usage
from .claimant import Claimant
from .ledger_access import LedgerAccess, whole
from .ledger_place import LedgerPlace, place_of

DEFAULT_LEDGER = Path("ledger.sqlite")
"""In the current folder: where nobody names a ledger, runs started there share one."""

_LEASE = 60.0
_CHUNK = 1000


class Entry(NamedTuple):
    """An answer as it stands in the ledger."""

    raw: str
    """Body of the response, as it came."""
    usage: Usage | None
    """`None` where the asking process was killed before it read the answer."""
    cost: float
    """US dollars."""


class Claims(NamedTuple):
    """Which of some requests this process may ask now."""

    mine: set[str]
    answered: set[str]
    busy: set[str]
    """Another process is asking them."""


class Ledger(LedgerAccess):
    """The requests and answers of one place.

    Args:
        place: A SQLite file, made if it isn't there, or the URL of a PostgreSQL.
        lease: Seconds that a claim holds unless renewed. That of a process on this machine that has died
            ends with it.
        clock: Seconds since 1970; that of the database when left out, so that leases hold on all machines.

    Raises:
        InputError: If it can't be used, or was made by a newer version.
        ConfigError: If the URL can't be read, or what PostgreSQL needs is not installed.
    """

    def __init__(
        self, place: LedgerPlace, *, lease: float = _LEASE, clock: Callable[[], float] | None = None
    ) -> None:
        super().__init__(place)
        self.lease = lease
        self._clock = clock
        self.claimant = Claimant.new()

    @classmethod
    def existing(cls, place: LedgerPlace) -> "Ledger":
        """Open a ledger that must be there; a database is one as soon as it is opened.

        Raises:
            InputError: If it isn't.
        """
        place = place_of(place) if isinstance(place, str) else place
        if isinstance(place, Path) and not place.is_file():
            raise InputError(f"{place}: no such ledger", hint="Check the path.")
        return cls(place)

    def close(self) -> None:
        """Give up what is claimed and close the database."""
        try:
            self.release()
        finally:
            super().close()

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._db.now() if self._clock is None else self._clock()

    def answered(self, keys: Sequence[str]) -> set[str]:
        """Return those keys whose answers are here."""
        return {row[0] for row in self.select("SELECT key FROM requests WHERE state = 'answered'", keys)}

    def read(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the answers that are here, by key."""
        query = (
            "SELECT key, answer, requests, prompt_tokens, completion_tokens, price "
            "FROM requests WHERE state = 'answered'"
        )
        return {
            key: Entry(
                raw=raw,
                usage=None
                if requests is None
                else Usage(requests=requests, prompt_tokens=prompt, completion_tokens=completion),
                cost=price or 0.0,
            )
            for key, raw, requests, prompt, completion, price in self.select(query, keys)
        }

    @whole
    def claim(self, keys: Sequence[str]) -> Claims:
        """Claim those requests that are neither answered nor being asked by another living process."""
        now = self.now()
        answered = self.answered(keys)
        holders = self.select("SELECT key, claimant, until FROM claims WHERE true", keys)
        busy = {
            key
            for key, holder, until in holders
            if holder != str(self.claimant) and until > now and not Claimant.parse(holder).is_dead()
        } - answered
        mine = set(keys) - answered - busy
        self._db.write(
            "INSERT INTO claims (key, claimant, until) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "claimant = excluded.claimant, until = excluded.until",
            [(key, str(self.claimant), now + self.lease) for key in mine],
        )
        return Claims(mine, answered, busy)

    @whole
    def renew(self) -> None:
        """Hold all claims of this process for another lease."""
        self._db.write(
            "UPDATE claims SET until = ? WHERE claimant = ?",
            [(self.now() + self.lease, str(self.claimant))],
        )

    @whole
    def release(self, keys: Sequence[str] | None = None) -> None:
        """Give up claims of this process: on some keys, or all."""
        claimant = str(self.claimant)
        if keys is None:
            self._db.write("DELETE FROM claims WHERE claimant = ?", [(claimant,)])
        else:
            rows = [(key, claimant) for key in keys]
            self._db.write("DELETE FROM claims WHERE key = ? AND claimant = ?", rows)

    @whole
    def store(self, key: str, endpoint: str, model: str, raw: str, latency: float | None) -> None:
        """Keep an answer as it came, before anyone reads it. `latency` is in seconds, where known."""
        self._db.write(
            "INSERT INTO requests (key, state, endpoint, model, answer, latency, created) "
            "VALUES (?, 'answered', ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "state = 'answered', answer = excluded.answer, reason = NULL, requests = NULL, "
            "latency = excluded.latency, created = excluded.created",
            [(key, endpoint, model, raw, latency, self.now())],
        )

    @whole
    def settle(self, key: str, usage: Usage, cost: float) -> None:
        """Note what an answer cost, in tokens and US dollars; it is done with."""
        self._db.write(
            "UPDATE requests SET requests = ?, prompt_tokens = ?, completion_tokens = ?, price = ? "
            "WHERE key = ?",
            [(usage.requests, usage.prompt_tokens, usage.completion_tokens, cost, key)],
        )
        self.release([key])

    @whole
    def fail(self, key: str, endpoint: str, model: str, reason: str) -> None:
        """Note a failure, for information: the request will be asked again. No answer is lost to it."""
        # A server's message, read from JSON, may hold halves of characters, which nothing can write.
        writable = reason.encode("utf-8", "replace").decode()
        self._db.write(
            "INSERT INTO requests (key, state, endpoint, model, reason, created) "
            "VALUES (?, 'failed', ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "state = 'failed', reason = excluded.reason, created = excluded.created "
            "WHERE requests.state = 'failed' OR requests.requests IS NULL",
            [(key, endpoint, model, writable, self.now())],
        )
        self.release([key])

    def among_open_batches(self, keys: Sequence[str]) -> set[str]:
        """Return those requests that are in batches whose results are not kept yet."""
        return {row[0] for row in self.select("SELECT key FROM batched WHERE true", keys)}

    def totals(self) -> list[dict[str, Any]]:
        """Return counts, tokens and cost, one row per endpoint and model."""
        return self.query(
            "SELECT endpoint, model, sum(CASE state WHEN 'answered' THEN 1 ELSE 0 END) AS answered, "
            "sum(CASE state WHEN 'failed' THEN 1 ELSE 0 END) AS failed, "
            "coalesce(sum(prompt_tokens), 0) AS prompt_tokens, "
            "coalesce(sum(completion_tokens), 0) AS completion_tokens, "
            "coalesce(sum(price), 0.0) AS usd, avg(latency) AS mean_seconds, "
            "min(created) AS first, max(created) AS last "
            "FROM requests GROUP BY endpoint, model ORDER BY endpoint, model"
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every request with all that is known of it, in the order they were first asked."""
        last = 0
        while page := self.query(
            f"SELECT rowid AS number, * FROM requests WHERE rowid > ? ORDER BY rowid LIMIT {_CHUNK}", (last,)
        ):
            for row in page:
                last = row.pop("number")
                row.pop("rowid", None)
                yield row

    @whole
    def prune(self, *, before: float | None = None, model: str | None = None) -> int:
        """Forget requests made before a time (seconds since 1970), of a model, or both; return how many."""
        done = self._db.execute(
            "DELETE FROM requests WHERE (:before IS NULL OR created < :before) "
            "AND (:model IS NULL OR model = :model)",
            {"before": before, "model": model},
        )
        return done.rowcount

    @whole
    def forget_batches(self) -> int:
        """Forget the batches that are under way; return how many. Their requests may be asked again."""
        self._db.write("DELETE FROM batched", [()])
        return self._db.execute("DELETE FROM batches").rowcount
