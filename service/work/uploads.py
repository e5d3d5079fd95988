"""Uploads of solutions, JSON lines or Parquet, row by row. A bad row is data: the others are kept."""

import json
from collections.abc import Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

from ...datasets.errors import InputError
from ...datasets.store import parse_json
from ...judge.item import ItemCase
from ...judge.processbench import read_item

_MAGIC = b"PAR1"
_ROWS = 256
_LONGEST_NAME = 256
_LONGEST_REASON = 500


class Good(NamedTuple):
    """A solution of an upload."""

    name: str
    """Its own `id`, else the solution's."""
    row: str
    """As it came: JSON, in ASCII."""


class Bad(NamedTuple):
    """A line of an upload that is no solution."""

    line: int
    """1-based."""
    reason: str


def read_upload(path: Path, row_bytes: int) -> Iterator[Good | Bad]:
    """Yield the rows of an uploaded file, in order; never more than a few are in memory.

    Args:
        path: JSON lines, or Parquet, which is told by its first bytes.
        row_bytes: Largest row; a larger one is bad.

    Raises:
        InputError: If it is Parquet that can't be read.
    """
    with path.open("rb") as file:
        is_parquet = file.read(len(_MAGIC)) == _MAGIC
    return _parquet(path, row_bytes) if is_parquet else _lines(path, row_bytes)


def read_row(row: object, place: int = 0) -> ItemCase:
    """Read a row that carries its problem.

    Returns:
        The case, or why there is none.
    """
    try:
        return read_item(row, place, "solution", {})
    except InputError as error:
        return ItemCase(str(place), None, str(error).removeprefix("solution: "))


def parse(text: bytes) -> object:
    """Parse JSON as it is defined: NaN and infinity are no numbers of it.

    Raises:
        ValueError: If it is none.
    """
    return parse_json(text, _refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _lines(path: Path, row_bytes: int) -> Generator[Good | Bad]:
    with path.open("rb") as file:
        number, place = 0, 0
        # Read in pieces: a line may be as long as the upload.
        while line := file.readline(row_bytes + 1):
            number += 1
            if len(line) > row_bytes and not line.endswith(b"\n"):
                while (rest := file.readline(row_bytes)) and not rest.endswith(b"\n"):
                    pass
                yield Bad(number, f"longer than {row_bytes} bytes")
                continue
            if not line.strip():
                continue
            try:
                row = parse(line)
            except ValueError as error:
                yield Bad(number, f"not JSON: {error}")
                continue
            read = _read(row, number, place)
            place += isinstance(read, Good)
            yield read


def _parquet(path: Path, row_bytes: int) -> Generator[Good | Bad]:
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    try:
        number = place = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS):
                for fields in cast(list[dict[str, Any]], batch.to_pylist()):
                    number += 1
                    # A column that other kinds of rows have is null, and not there.
                    row = {name: value for name, value in fields.items() if value is not None}
                    read = _read(row, number, place)
                    if isinstance(read, Good) and len(read.row) > row_bytes:
                        read = Bad(number, f"longer than {row_bytes} bytes")
                    place += isinstance(read, Good)
                    yield read
    except (pa.ArrowException, OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"the upload is no Parquet file: {why}", hint="Send Parquet, or JSON lines"
        ) from None


def _read(row: object, number: int, place: int) -> Good | Bad:
    try:
        text = json.dumps(row, allow_nan=False)
    except (TypeError, ValueError) as error:
        return Bad(number, _short(f"not JSON: {error}", _LONGEST_REASON))
    item = read_row(row, place)
    if item.case is None:
        return Bad(number, _short(item.reason or "no solution", _LONGEST_REASON))
    return Good(_short(item.id, _LONGEST_NAME), text)


def _short(text: str, limit: int) -> str:
    # As databases take it: no NUL, no half of a surrogate pair.
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:limit]
