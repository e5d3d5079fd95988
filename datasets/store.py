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
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .errors import InputError
from .records import Record

R = TypeVar("R", bound=Record)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_DEEPEST = 64
_TOO_DEEP = "nested too deeply"
_ROWS = 2048
"""Rows of a Parquet file that are written and read together."""


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
        _write_parquet(path, rows, type(records[0]) if records else kind)
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


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    pa, pq = _pyarrow()

    try:
        # In pieces: whole tables as Python objects would take several times the memory of the records.
        pieces = pq.ParquetFile(path).iter_batches(batch_size=_ROWS)
        number = 0
        for piece in pieces:
            for row in piece.to_pylist():
                number += 1
                yield f"{path}:{number}", row
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{path}: not a Parquet file: {error}", hint="Write it anew or use .jsonl."
        ) from None


def _write_parquet(path: Path, rows: list[dict[str, Any]], kind: type[Record] | None) -> None:
    pa, pq = _pyarrow()

    schema = arrow_schema(kind) if kind else pa.schema([])
    nested = _nested_fields(kind) if kind else frozenset[str]()
    rows = [
        {
            name: json.dumps(value, ensure_ascii=False) if name in nested else value
            for name, value in row.items()
        }
        for row in rows
    ]
    table = pa.Table.from_pylist(rows, schema=schema)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=_ROWS)


def _pyarrow() -> tuple[Any, Any]:
    # Imported only for a Parquet file, since it is slow to; and as Any, since it has no types.
    return import_module("pyarrow"), import_module("pyarrow.parquet")


def arrow_schema(kind: type[Record]) -> Any:
    """Return a record's columns, typed by its fields: a column of empty rows keeps its type."""
    pa, _ = _pyarrow()
    types: dict[Any, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    types |= {(tuple, plain): pa.list_(arrow) for plain, arrow in types.items()}
    return pa.schema(
        [(name, types[_column_type(field.annotation)]) for name, field in kind.model_fields.items()]
    )


@cache
def _nested_fields(kind: type[Record]) -> frozenset[str]:
    """Name the fields that stand in Parquet as JSON text.

    Records inside records do: Arrow can't hold a struct without fields, nor a verdict inside a
    verdict.
    """
    return frozenset(name for name, field in kind.model_fields.items() if _is_nested(field.annotation))


def _is_nested(annotation: Any) -> bool:
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, BaseModel | dict)
    return any(_is_nested(part) for part in get_args(annotation)) or get_origin(annotation) is dict


def _column_type(annotation: Any) -> Any:
    """The plain type of a column's values; `(tuple, type)` of a column of sequences."""
    if _is_nested(annotation):
        return str
    if get_origin(annotation) is tuple:
        return tuple, _column_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return next(_column_type(part) for part in get_args(annotation) if part is not NoneType)
    # Enumerations of text stand as text.
    return next(plain for plain in (bool, int, float, str) if issubclass(annotation, plain))


def _decode(row: dict[str, Any], kind: type[Record], where: str) -> dict[str, Any]:
    """Turn the JSON text of nested fields back; told by the field, since tools drop metadata."""
    decoded = dict(row)
    for name in _nested_fields(kind):
        if isinstance(row.get(name), str):
            try:
                decoded[name] = json.loads(row[name])
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}: {name}: not JSON: {error}", hint="Write the file anew.") from None
    return decoded
