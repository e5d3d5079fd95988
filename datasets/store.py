"""Reading and writing records as JSONL or Parquet, atomically.

A file either holds all of what was written or is not there. A line that can't be read is an
`InputError` that names file, line and field.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from .errors import InputError
from .records import Record

R = TypeVar("R", bound=Record)


def read_records(path: Path, kind: type[R]) -> list[R]:
    """Read all records of a `.jsonl` or `.parquet` file.

    Raises:
        InputError: If the file is missing, has another ending, or a row is malformed.
    """
    return [parse_record(row, kind, where) for where, row in read_rows(path)]


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(where, row)` for every row, `where` being `file:line` for messages."""
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Check the path.")
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
    elif path.suffix == ".jsonl":
        yield from _read_jsonl(path)
    else:
        raise InputError(f"{path}: unknown file type {path.suffix!r}", hint="Use .jsonl or .parquet.")


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records to `.jsonl` or `.parquet`, replacing the file atomically."""
    rows = [record.model_dump(mode="json") for record in records]
    if path.suffix == ".parquet":
        _write_parquet(path, rows)
    else:
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_text(path: Path, text: str) -> None:
    """Replace a file's content atomically; parent folders are made."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place on success and goes on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def parse_record(row: dict[str, Any], kind: type[R], where: str) -> R:
    """Validate one row.

    Raises:
        InputError: Naming `where` and the first field at fault.
    """
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or kind.__name__.lower()
        raise InputError(
            f"{where}: {field}: {first['msg']}",
            hint=f"A {kind.__name__.lower()} has the fields: {', '.join(kind.model_fields)}.",
        ) from None


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{where}: not JSON: {error}", hint="Each line holds one JSON object.") from None
            if not isinstance(row, dict):
                raise InputError(f"{where}: not a JSON object", hint="Each line holds one JSON object.")
            yield where, row


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)  # pyright: ignore[reportUnknownMemberType]
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a Parquet file: {error}", hint="Write it anew or use .jsonl.") from None
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"{path}:{number}", row


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Nested values are stored as JSON text: Arrow can't hold a struct without fields (no votes yet),
    # and a column must keep its type when every row is empty.
    table = pa.Table.from_pylist(rows)
    with replacing(path) as temporary:
        pq.write_table(table, temporary)  # pyright: ignore[reportUnknownMemberType]
