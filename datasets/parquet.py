"""Records as tables: the columns of a kind of record, and Parquet files of them.

Records inside records stand as JSON text. Reading and writing whole files of records is `store`.
"""

import json
from collections.abc import Iterator
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


def parquet_rows(file: Path | BinaryIO, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(where, row)` for every row; nested fields are still JSON text.

    Raises:
        InputError: If it is no Parquet file.
    """
    pa, pq = _pyarrow()

    try:
        # In pieces: whole tables as Python objects would take several times the memory of the records.
        pieces = pq.ParquetFile(file).iter_batches(batch_size=_ROWS)
        number = 0
        for piece in pieces:
            for row in piece.to_pylist():
                number += 1
                yield f"{where}:{number}", row
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{where}: not a Parquet file: {error}", hint="Write it anew or use .jsonl."
        ) from None


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
