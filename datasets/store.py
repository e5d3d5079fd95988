"""Reading and writing records as JSONL or Parquet, atomically.

A file either holds all of what was written or is not there. A line that can't be read is an
`InputError` that names file, line and field.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from .errors import InputError
from .parquet import as_table, nested_fields, parquet_rows, write_table
from .records import Record

R = TypeVar("R", bound=Record)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_DEEPEST = 64
_TOO_DEEP = "nested too deeply"


def read_records(path: Path, kind: type[R]) -> list[R]:
    """Read all records of a `.jsonl` or `.parquet` file.

    Raises:
        InputError: If the file is missing, has another ending, or a row is malformed.
    """
    return [parse_record(row, kind, where) for where, row in read_rows(path)]


def records_from(path: Path, kind: type[R], start: int) -> Iterator[R]:
    """Yield the records of a `.parquet` file after the first `start`; read as they are drawn.

    Raises:
        InputError: If it can't be read, or a row is malformed.
    """
    for where, row in parquet_rows(path, str(path), start):
        yield parse_record(row, kind, where)


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(where, row)` for every row, `where` being `file:line` for messages."""
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Check the path.")
    if path.suffix == ".parquet":
        yield from parquet_rows(path, str(path))
    elif path.suffix == ".jsonl":
        yield from _read_jsonl(path)
    else:
        raise InputError(f"{path}: unknown file type {path.suffix!r}", hint="Use .jsonl or .parquet.")


def write_records(path: Path, records: Iterable[Record], kind: type[Record] | None = None) -> None:
    """Write records of one kind to `.jsonl` or `.parquet`, replacing the file atomically.

    Args:
        path: The file.
        records: All of one kind.
        kind: Which, so that a Parquet file without rows has its columns.
    """
    records = list(records)
    rows = [record.model_dump(mode="json") for record in records]
    if path.suffix == ".parquet":
        table = as_table(rows, type(records[0]) if records else kind)
        with replacing(path) as temporary:
            write_table(table, temporary)
    else:
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_text(path: Path, text: str) -> None:
    """Replace a file's content atomically; parent folders are made."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Generator[Path]:
    """Give a temporary path beside `path` that takes its place on success and goes on failure.

    Until then only its owner can read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def parquet_bytes(records: Iterable[Record], kind: type[Record]) -> bytes:
    """Return the content of a Parquet file of these records."""
    content = BytesIO()
    write_table(as_table([record.model_dump(mode="json") for record in records], kind), content)
    return content.getvalue()


def parse_parquet(content: bytes, kind: type[R], where: str) -> list[R]:
    """Read the records of a Parquet file's content.

    Raises:
        InputError: Naming `where`, if it is no such file or a row is malformed.
    """
    return [parse_record(row, kind, place) for place, row in parquet_rows(BytesIO(content), where)]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_json(text: bytes, refuse: Callable[[str], object] | None = None) -> Any:
    """Parse JSON that a stranger wrote.

    Half of a surrogate pair can be written in JSON, and be sent and stored nowhere else: it becomes `?`.

    Args:
        text: UTF-8.
        refuse: Called with `NaN` and the like, which are no JSON, but which some libraries write.

    Raises:
        ValueError: If it is none, or nested too deeply.
    """
    # Bytes would be taken for UTF-16 and more, and half of a surrogate pair in them for text.
    content = text.decode("utf-8-sig")
    try:
        value: Any = json.loads(content, parse_constant=refuse)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if content.count("[") + content.count("{") > _DEEPEST and _is_deep(value):
        raise ValueError(_TOO_DEEP)
    return json.loads(sendable(value)) if _SURROGATE.search(text) else value


def _is_deep(value: object) -> bool:
    """Whether it is nested so deeply that not everyone who reads it again has the stack for it."""
    level = [value]
    for _ in range(_DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += cast(dict[str, object], one).values()
            elif isinstance(one, list):
                inner += cast(list[object], one)
        if not inner:
            return False
        level = inner
    return True


def sendable(value: object) -> bytes:
    """Write JSON without halves of surrogate pairs, as models may write them."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def parse_line(line: bytes, where: str) -> dict[str, Any]:
    """Read one line of a `.jsonl` file.

    Raises:
        InputError: Naming `where`, if it holds no JSON object.
    """
    try:
        row: Any = parse_json(line)
    except ValueError as error:
        raise InputError(f"{where}: not JSON: {error}", hint="Each line holds one JSON object.") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: not a JSON object", hint="Each line holds one JSON object.")
    return cast(dict[str, Any], row)


def parse_record(row: dict[str, Any], kind: type[R], where: str) -> R:
    """Validate one row.

    Raises:
        InputError: Naming `where` and the first field at fault.
    """
    try:
        return kind.model_validate(_decode(row, kind, where))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            problem = f"missing field {field!r}"
        elif first["type"] == "extra_forbidden":
            problem = f"unknown field {field!r}"
        else:
            problem = f"{field or kind.__name__.lower()}: {first['msg']}"
        raise InputError(
            f"{where}: {problem}",
            hint=f"A {kind.__name__.lower()} has the fields: {', '.join(kind.model_fields)}.",
        ) from None


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            yield where, parse_line(line, where)


def _decode(row: dict[str, Any], kind: type[Record], where: str) -> dict[str, Any]:
    """Turn the JSON text of nested fields back; told by the field, since tools drop metadata."""
    decoded = dict(row)
    for name in nested_fields(kind):
        if isinstance(row.get(name), str):
            try:
                decoded[name] = json.loads(row[name])
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}: {name}: not JSON: {error}", hint="Write the file anew.") from None
    return decoded
