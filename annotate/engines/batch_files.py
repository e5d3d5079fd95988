"""The two files of a batch: requests in, results out, a line of JSON each.

The format is that of OpenAI's Batch API, which `vllm run-batch` reads and writes too. A line is known by its
`custom_id`, here the request's key in the ledger; results come in any order, and what an endpoint writes
there is as little to be trusted as any answer of it.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from ...datasets.errors import InputError
from .chat import Ask
from .endpoint import Endpoint

URL = "/v1/chat/completions"
MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
"""OpenAI's limits for one file, the size on the safe side of its 200 MB."""


class Result(NamedTuple):
    """One line of an output or error file."""

    key: str
    status: int
    """Of HTTP; 0 where the request was not run to an answer."""
    body: Any
    """What was answered, parsed."""
    reason: str = ""
    """Why it was not run, e.g. `batch_expired`."""


def line_of(key: str, ask: Ask, endpoint: Endpoint, *, with_schema: bool) -> bytes:
    """Return the line that asks for one answer, with its line end."""
    request = {
        "custom_id": key,
        "method": "POST",
        "url": URL,
        "body": endpoint.body(ask, with_schema=with_schema),
    }
    return json.dumps(request, ensure_ascii=False).encode() + b"\n"


class Part(NamedTuple):
    """One file of requests."""

    path: Path
    keys: list[str]
    """Of its lines, in order."""


class Parts:
    """Writes lines to as many files as the limits ask for.

    Args:
        name: Gives the path of each file by its number, from 1 on.
        requests: Most lines of a file.
    """

    def __init__(self, name: Callable[[int], Path], *, requests: int = MOST_REQUESTS) -> None:
        self._name = name
        self._requests = requests
        self._parts: list[Part] = []
        self._file: BinaryIO | None = None
        self._size = 0

    def add(self, key: str, line: bytes) -> None:
        """Write one line."""
        last = self._parts[-1] if self._parts else None
        if last is None or len(last.keys) == self._requests or self._size + len(line) > MOST_BYTES:
            self.close()
            last = Part(self._name(len(self._parts) + 1), [])
            self._parts.append(last)
            self._file, self._size = last.path.open("wb"), 0
        assert self._file is not None
        self._file.write(line)
        self._size += len(line)
        last.keys.append(key)

    def close(self) -> list[Part]:
        """Finish the last file; return all there are."""
        if self._file is not None:
            self._file.close()
            self._file = None
        return self._parts


def keep(part: Part, keys: list[str]) -> None:
    """Leave only some lines in a file."""
    wanted = set(keys)
    lines = part.path.read_bytes().splitlines(keepends=True)
    part.path.write_bytes(b"".join(line for key, line in zip(part.keys, lines, strict=True) if key in wanted))


def read_results(path: Path) -> Iterator[Result]:
    """Yield the results of a file, in its order; a line that is none is passed over.

    Raises:
        InputError: If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Check the path")
    with path.open("rb") as file:
        for line in file:
            result = _read_line(line)
            if result is not None:
                yield result


def _read_line(line: bytes) -> Result | None:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    fields = _object(row)
    key = fields.get("custom_id")
    if not isinstance(key, str):
        return None
    response, error = _object(fields.get("response")), _object(fields.get("error"))
    status = response.get("status_code")
    if isinstance(status, int) and status > 0:
        # vLLM has what went wrong in `error`, and no body then.
        return Result(key, status, response.get("body") or error)
    code = error.get("code") or error.get("message")
    return Result(key, 0, None, code if isinstance(code, str) else "no answer")


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
