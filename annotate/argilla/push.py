"""Sending solutions to Argilla: what is there is updated, what is not is added, and answers are kept.

Every record carries a hash of all that it shows. So the same command sends only what is missing or has
changed, which also is how it goes on after a lost connection.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...datasets.errors import EndpointError
from .connection import Connection
from .dataset import list_records
from .entry import Entry
from .form import HASH

BATCH = 100
"""Records per request: a bar that moves, and little to send again."""
_TRIES = 6


class Pushed(NamedTuple):
    """What a push did, in records."""

    added: int
    changed: int
    unchanged: int


def push(connection: Connection, dataset_id: str, entries: Sequence[Entry]) -> Iterator[Pushed]:
    """Send what is missing or has changed, and yield what was done so far after every batch.

    Raises:
        EndpointError: If the server can't be used; what was sent by then is there.
    """
    with connection.explained():
        there = {one["external_id"]: one for one in list_records(connection, dataset_id)}
        questions = {
            one["name"]: one["id"] for one in connection.get(f"datasets/{dataset_id}/questions")["items"]
        }
    missing = [one for one in entries if one.id not in there]
    changed = [one for one in entries if one.id in there and _hash(there[one.id]) != one.hash]
    unchanged = len(entries) - len(missing) - len(changed)
    done = Pushed(0, 0, unchanged)
    yield done
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        _send(connection, dataset_id, batch, questions, f"{done.added} of {len(missing)}")
        done = done._replace(added=done.added + len(batch))
        yield done
    for start in range(0, len(changed), BATCH):
        batch = changed[start : start + BATCH]
        # First, since afterwards the record would look as if nothing were left to do.
        with connection.explained():
            for one in batch:
                _drop_suggestions(connection, there[one.id]["id"], one, questions)
        _send(connection, dataset_id, batch, questions, f"{done.changed} of {len(changed)} changed")
        done = done._replace(changed=done.changed + len(batch))
        yield done


def _send(
    connection: Connection, dataset_id: str, batch: Sequence[Entry], questions: dict[str, str], done: str
) -> None:
    """Send a batch, and again when the connection is lost: it is the same record the second time."""
    import httpx

    items = [
        {
            "external_id": one.id,
            "fields": one.content["fields"],
            "metadata": one.content["metadata"],
            "suggestions": [
                {"question_id": questions[name], **suggestion}
                for name, suggestion in one.content["suggestions"].items()
            ],
        }
        for one in batch
    ]
    for attempt in range(_TRIES):
        try:
            with connection.explained():
                try:
                    connection.send("PUT", f"datasets/{dataset_id}/records/bulk", {"items": items})
                    return
                except httpx.TransportError:
                    if attempt + 1 == _TRIES:
                        raise
        except EndpointError as error:
            raise EndpointError(
                f"{error}; {done} records were sent before", hint="Run the same command again to go on"
            ) from None
        time.sleep(0.25 * 2**attempt)
    raise AssertionError("unreachable")


def _drop_suggestions(
    connection: Connection, record_id: str, entry: Entry, questions: dict[str, str]
) -> None:
    """Take back suggestions that are no longer made: sending a record again only adds and changes."""
    made = {questions[name] for name in entry.content["suggestions"]}
    there = connection.get(f"records/{record_id}/suggestions")["items"]
    stale = [one["id"] for one in there if one["question_id"] not in made]
    if stale:
        connection.send("DELETE", f"records/{record_id}/suggestions", ids=",".join(stale))


def _hash(record: dict[str, Any]) -> str | None:
    return record["metadata"].get(HASH) if record.get("metadata") else None
