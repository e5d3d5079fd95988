"""Uploads of solutions, row by row: JSON lines, a JSON array, Parquet. A bad row is data: others are kept."""

import json
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

from ...datasets.errors import InputError
from ...datasets.store import parse_json
from ...judge.item import ItemCase
from ...judge.processbench import read_item
from .arrays import begins_array, elements
from .unpacking import UnpackError, unpacked

_MAGIC = b"PAR1"
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
    """1-based; in an array the place among its elements."""
    reason: str


class RefusedUploadError(InputError):
    """An upload of which no job is made, since its lines are no solutions.

    Args:
        what: What is said of it.
        bad: Its first lines that are none.
    """

    def __init__(self, what: str, bad: Sequence[Bad]) -> None:
        why = f"line {bad[0].line}: {bad[0].reason}" if bad else "it is empty"
        super().__init__(f"{what}: {why}", hint="Send JSON lines or Parquet, a solution each")
        self.errors = [f"line {one.line}: {one.reason}" for one in bad]


def read_upload(path: Path, row_bytes: int, upload_bytes: int) -> Generator[Good | Bad]:
    """Yield the rows of an uploaded file, in order; never more than a few are in memory.

    Args:
        path: JSON lines, a JSON array or Parquet: which, its first bytes tell.
        row_bytes: Largest row; a larger one is bad.
        upload_bytes: That the rows of Parquet may have together, as JSON lines.

    Raises:
        InputError: If it is Parquet that can't be read, or too much.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            file.seek(0)
            cut = elements if begins_array(file) else _lines
            yield from _rows(cut(file, row_bytes), row_bytes)
            return
    try:
        with unpacked(path, upload_bytes) as lines:
            yield from _rows(_lines(lines, row_bytes), row_bytes)
    except UnpackError as error:
        raise InputError(
            f"the upload can't be read as Parquet: {error}",
            hint="Send Parquet or JSON lines, and what is large in several uploads",
        ) from None


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


def _lines(file: IO[bytes], most: int) -> Generator[bytes | None]:
    # Read in pieces: a line may be as long as the upload.
    while line := file.readline(most + 1):
        if len(line) <= most or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(most)) and not rest.endswith(b"\n"):
            pass
        yield None


def _rows(texts: Iterable[bytes | None], row_bytes: int) -> Generator[Good | Bad]:
    place = 0
    for number, text in enumerate(texts, 1):
        if text is None:
            yield Bad(number, f"longer than {row_bytes} bytes")
            continue
        if not text.strip():
            continue
        try:
            row = parse(text)
        except json.JSONDecodeError as error:
            # Within the line: the decoder's own lines are not those of the upload.
            yield Bad(number, f"not JSON: {error.msg} at character {error.pos + 1}")
            continue
        except ValueError as error:
            yield Bad(number, f"not JSON: {error}")
            continue
        read = _read(row, number, place)
        place += isinstance(read, Good)
        yield read


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
