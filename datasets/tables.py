"""Tables of rows: JSONL, JSON, CSV and Parquet. A line that can't be read is told of, and the rest is kept.

`store` reads records, of which none may be missing; this reads what others have written.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from .errors import InputError
from .store import parse_line, read_rows

ENDINGS = (".jsonl", ".json", ".csv", ".parquet")
_LONGEST_CELL = 10_000_000

Entry = tuple[str, dict[str, Any] | InputError]
"""Where it stands (`file:line`; in JSON lists and Parquet `file:row`), and the row or what is wrong."""


def read_table(path: Path) -> Iterator[Entry]:
    """Yield every row, or why it can't be read.

    A JSON file is a list of objects, or an object whose first list is one.

    Raises:
        InputError: If the file is missing, has another ending, or can't be read at all.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Check the path.")
    if path.suffix == ".jsonl":
        yield from _read_jsonl(path)
    elif path.suffix == ".json":
        yield from _read_json(path)
    elif path.suffix == ".csv":
        yield from _read_csv(path)
    elif path.suffix == ".parquet":
        yield from read_rows(path)
    else:
        raise InputError(
            f"{path}: unknown file type {path.suffix!r}", hint=f"Use one of: {', '.join(ENDINGS)}."
        )


def _read_jsonl(path: Path) -> Iterator[Entry]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path}:{number}"
                try:
                    yield where, parse_line(line, where)
                except InputError as error:
                    yield where, error


def _read_json(path: Path) -> Iterator[Entry]:
    try:
        content: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}", hint="Write a list of objects.") from None
    if isinstance(content, dict):
        content = next((value for value in cast(dict[str, Any], content).values() if _is_list(value)), None)
    if not _is_list(content):
        raise InputError(f"{path}: not a list of objects", hint="Write one, or one object a line as .jsonl.")
    for number, row in enumerate(cast(list[Any], content), 1):
        where = f"{path}:{number}"
        if isinstance(row, dict):
            yield where, cast(dict[str, Any], row)
        else:
            yield where, InputError(f"{where}: not a JSON object", hint="Each row is one JSON object.")


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _read_csv(path: Path) -> Iterator[Entry]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        # The mark that spreadsheets put before the first column's name is no part of it.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, None)
            if not header:
                raise InputError(f"{path}: no header", hint="The first line names the columns.")
            line = rows.line_num + 1
            for row in rows:
                where = f"{path}:{line}"
                line = rows.line_num + 1
                if len(row) == len(header):
                    yield where, dict(zip(header, row, strict=True))
                elif row:
                    yield (
                        where,
                        InputError(
                            f"{where}: {len(row)} cells under {len(header)} columns", hint="Quote commas."
                        ),
                    )
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not CSV: {error}", hint="Write it anew as UTF-8.") from None
    finally:
        csv.field_size_limit(before)
