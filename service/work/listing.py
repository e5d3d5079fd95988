"""Records of a run's files, of which a page is read without the rest."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ...datasets.parquet import parquet_length
from ...datasets.records import Record
from ...datasets.store import records_from

R = TypeVar("R", bound=Record)


def numbered(paths: Sequence[Path], kind: type[R], after: int) -> Iterator[tuple[int, R]]:
    """Yield records with their places among those of all files, 1-based, as far as they are drawn.

    Args:
        paths: Parquet files, which need not be there.
        kind: Of the records.
        after: The place of the last one that is passed over.

    Raises:
        InputError: If one can't be read.
    """
    before = 0
    for path in paths:
        length = parquet_length(path) if path.is_file() else 0
        start = max(0, after - before)
        if start < length:
            yield from enumerate(records_from(path, kind, start), before + start + 1)
        before += length
