"""An endpoint's Batch API: files go up, batches are made and looked at, results come down."""

import random
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple, TypeGuard, TypeVar

from ...datasets.errors import EndpointError
from .batch_files import URL
from .endpoint import Endpoint
from .faults import NOTHING_SAID, Fault, Kind, Scrubber, read_fault
from .pacing import backoff

T = TypeVar("T")

TOKEN: Final = "firstfault"
"""Name of the metadata that tells a batch of ours."""
_STATUSES: Final = frozenset(
    {"validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"}
)
_NAME: Final = re.compile(r"[\w.-]{1,200}")
_PASSING = frozenset({Kind.CROWDED, Kind.PASSING, Kind.UNREACHABLE})


class _Raise(Enum):
    IT = 0


class RefusedError(EndpointError):
    """The endpoint said no, and will say so again; what was asked for was not done."""


class State(NamedTuple):
    """How far a batch is, as its endpoint says."""

    status: str
    """`validating`, `in_progress`, `finalizing`, `completed`, `failed`, `expired`, `cancelling` or
    `cancelled`."""
    done: int = 0
    """Requests that have ended, well or not."""
    total: int = 0
    files: tuple[str, ...] = ()
    """Names of the files with results."""
    code: str = ""
    """Of the first error of the batch as a whole."""
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ("completed", "failed", "expired", "cancelled")


class BatchAPI:
    """The Batch API of one endpoint.

    Args:
        endpoint: Where it is.
        pause: Waits between attempts, in seconds.
    """

    def __init__(self, endpoint: Endpoint, pause: Callable[[float], object]) -> None:
        from openai import OpenAI

        key = endpoint.api_key()
        self.scrubber = Scrubber(key)
        self._endpoint = endpoint
        self._pause = pause
        self._rng = random.Random()
        self._client = OpenAI(
            api_key=key, base_url=endpoint.base_url, max_retries=0, timeout=max(600.0, endpoint.timeout)
        )

    def make(self, requests: Path, token: str) -> str:
        """Upload a file of requests and make a batch of it; return the endpoint's name for it.

        Raises:
            EndpointError: If the endpoint doesn't take it.
        """
        uploaded = self._call(lambda: self._named(self._client.files.create(file=requests, purpose="batch")))
        is_first = True

        def create() -> str:
            nonlocal is_first
            # An attempt whose answer was lost may have made it all the same.
            known, is_first = None if is_first else self.find(token), False
            return known or self._create(uploaded, token)

        return self._call(create)

    def find(self, token: str) -> str | None:
        """Return the name of the batch that was made with a token, if there is one.

        Raises:
            EndpointError: If the endpoint can't be asked.
        """

        def search() -> str | None:
            for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(TOKEN) == token:
                    return batch.id
            return None

        return self._call(search)

    def look(self, remote: str) -> State:
        """Return how far a batch is.

        Raises:
            EndpointError: If the endpoint can't be asked.
        """
        batch = self._call(lambda: self._client.batches.retrieve(remote), or_missing=None)
        if batch is None or not isinstance(getattr(batch, "status", None), str):
            # To ask its requests again may pay for them again: that is for a person to decide.
            raise EndpointError(
                f"{self._endpoint.base_url} knows no {remote}, made for {self._endpoint.model}",
                hint="Use the key that it was made with; `firstfault ledger prune --batches` forgets it",
            )
        counts = batch.request_counts
        errors = (batch.errors.data if batch.errors else None) or []
        files = (batch.output_file_id, batch.error_file_id)
        return State(
            # What it is called otherwise, somewhere, is on its way.
            batch.status if batch.status in _STATUSES else "in_progress",
            done=counts.completed + counts.failed if counts else 0,
            total=counts.total if counts else 0,
            files=tuple(file for file in files if _is_name(file)),
            code=(errors[0].code or "") if errors else "",
            reason=self.scrubber.quote(errors[0].message or "", NOTHING_SAID) if errors else "",
        )

    def fetch(self, file: str, to: Path) -> bool:
        """Write a file with results to a path; return whether the endpoint still has it.

        Raises:
            EndpointError: If it can't be fetched.
        """

        def stream() -> bool:
            with self._client.files.with_streaming_response.content(file) as response:
                response.stream_to_file(to)
            return True

        return self._call(stream, or_missing=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _create(self, file: str, token: str) -> str:
        made = self._client.batches.create(
            input_file_id=file, endpoint=URL, completion_window="24h", metadata={TOKEN: token}
        )
        return self._named(made)

    def _named(self, made: object) -> str:
        name = getattr(made, "id", None)
        if not _is_name(name):
            raise self._error(Fault(Kind.REJECTED, "what it answered names no file or batch"))
        return name

    def _call(self, request: Callable[[], T], or_missing: T | _Raise = _Raise.IT) -> T:
        """Do something until it works, fails for good or the retries are used up."""
        import httpx2
        import openai

        attempt = 0
        while True:
            try:
                return request()
            except openai.NotFoundError as error:
                if not isinstance(or_missing, _Raise):
                    return or_missing
                raise self._error(self._read(error)) from None
            except (openai.APIError, httpx2.TransportError) as error:
                fault = self._read(error)
                if fault.kind not in _PASSING or attempt == self._endpoint.retries:
                    raise self._error(fault) from None
            delay = backoff(attempt, self._rng) if fault.wait is None else fault.wait
            attempt += 1
            self._pause(delay)

    def _read(self, error: Exception) -> Fault:
        import openai

        if isinstance(error, openai.APIError):
            return read_fault(error, self._endpoint, NOTHING_SAID, self.scrubber)
        return Fault(Kind.PASSING, "the connection was lost before the whole file had come")

    def _error(self, fault: Fault) -> EndpointError:
        if fault.kind in _PASSING:
            hint = "Batches that were made go on: the same command fetches them"
            return fault._replace(hint=hint).error(self._endpoint)
        if fault.reason.startswith("HTTP 404") or fault.kind is Kind.REJECTED:
            fault = fault._replace(
                hint="If it has no Batch API, leave batch out, or write the file by --batch-write"
            )
        error = fault.error(self._endpoint)
        return RefusedError(str(error), hint=error.hint)


def _is_name(name: object) -> TypeGuard[str]:
    # It is shown, and goes into an address.
    return isinstance(name, str) and _NAME.fullmatch(name) is not None
