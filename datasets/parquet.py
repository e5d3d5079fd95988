"""Records as tables: the columns of a kind of record, and Parquet files of them.

Records inside records stand as JSON text. Reading and writing whole files of records is `store`.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, BinaryIO, Union, get_args, get_origin

from pydantic import BaseModel

from .errors import InputError
from .records import Record

_ROWS = 2048
"""Rows of a Parquet file that are written and read together."""


def parquet_rows(file: Path | BinaryIO, where: str, start: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(where, row)` for every row; nested fields are still JSON text.

    Args:
        file: The file.
        where: What it is called in errors.
        start: So many rows are passed over; groups of them are not read.

    Raises:
        InputError: If it is no Parquet file.
    """
    with _opened(file, where) as parquet:
        groups, number = _from(parquet.metadata, start)
        # In pieces: whole tables as Python objects would take several times the memory of the records.
        for piece in parquet.iter_batches(batch_size=_ROWS, row_groups=groups):
            passed = min(max(0, start - number), piece.num_rows)
            for at, row in enumerate(piece.slice(passed).to_pylist(), number + passed + 1):
                yield f"{where}:{at}", row
            number += piece.num_rows


def parquet_length(path: Path) -> int:
    """Return how many rows a Parquet file has.

    Raises:
        InputError: If it is none.
    """
    with _opened(path, str(path)) as parquet:
        return parquet.metadata.num_rows


def parquet_column(path: Path, name: str) -> list[Any]:
    """Return the values of one column of a Parquet file; those of one that it lacks are `None`.

    Raises:
        InputError: If it is no Parquet file.
    """
    with _opened(path, str(path)) as parquet:
        if name not in parquet.schema_arrow.names:
            return [None] * parquet.metadata.num_rows
        return parquet.read(columns=[name]).column(name).to_pylist()


def as_table(rows: list[dict[str, Any]], kind: type[Record] | None) -> Any:
    """Return rows of one kind of record as an Arrow table; without a kind, one without columns."""
    pa, _ = _pyarrow()

    schema = arrow_schema(kind) if kind else pa.schema([])
    nested = nested_fields(kind) if kind else frozenset[str]()
    rows = [
        {
            name: json.dumps(value, ensure_ascii=False) if name in nested else value
            for name, value in row.items()
        }
        for row in rows
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def write_table(table: Any, file: Path | BinaryIO) -> None:
    """Write an Arrow table as Parquet."""
    _, pq = _pyarrow()

    pq.write_table(table, file, row_group_size=_ROWS)


def arrow_schema(kind: type[Record]) -> Any:
    """Return a record's columns, typed by its fields: a column of empty rows keeps its type."""
    pa, _ = _pyarrow()
    types: dict[Any, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    types |= {(tuple, plain): pa.list_(arrow) for plain, arrow in types.items()}
    return pa.schema(
        [(name, types[_column_type(field.annotation)]) for name, field in kind.model_fields.items()]
    )


@cache
def nested_fields(kind: type[Record]) -> frozenset[str]:
    """Name the fields that stand in Parquet as JSON text.

    Records inside records do: Arrow can't hold a struct without fields, nor a verdict inside a
    verdict.
    """
    return frozenset(name for name, field in kind.model_fields.items() if _is_nested(field.annotation))


@contextmanager
def _opened(file: Path | BinaryIO, where: str) -> Generator[Any]:
    pa, pq = _pyarrow()
    try:
        with pq.ParquetFile(file) as parquet:
            yield parquet
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{where}: not a Parquet file: {error}", hint="Write it anew or use .jsonl."
        ) from None


def _from(metadata: Any, start: int) -> tuple[list[int], int]:
    """Number the groups of rows that hold what comes after `start` rows, and count the rows before them."""
    first, before = 0, 0
    while first < metadata.num_row_groups and before + metadata.row_group(first).num_rows <= start:
        before += metadata.row_group(first).num_rows
        first += 1
    return list(range(first, metadata.num_row_groups)), before


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


def _pyarrow() -> tuple[Any, Any]:
    # Imported only for a Parquet file, since it is slow to; and as Any, since it has no types.
    return import_module("pyarrow"), import_module("pyarrow.parquet")
