"""Parts of a Parquet file are read without the rest."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.parquet import as_table, parquet_column, parquet_length, parquet_rows
from firstfault.datasets.records import Review, VerdictStatus
from firstfault.datasets.store import parse_record, records_from

REVIEWS = [
    Review(solution_id=f"s-{number}", reviewer="r", status=VerdictStatus.CLEAN, rationale=number % 3 * "x")
    for number in range(11)
]


@pytest.fixture(params=[1, 4, 100])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of several groups of rows, or of one."""
    table = as_table([one.model_dump(mode="json") for one in REVIEWS], Review)
    pq.write_table(table, tmp_path / "reviews.parquet", row_group_size=request.param)
    return tmp_path / "reviews.parquet"


def test_rows_are_read_from_any_place_on(path: Path):
    for start in range(13):
        assert list(records_from(path, Review, start)) == REVIEWS[start:]
        places = [where for where, _ in parquet_rows(path, "here", start)]
        assert places == [f"here:{number}" for number in range(start + 1, 12)]
    assert parse_record(next(parquet_rows(path, "here", 7))[1], Review, "here") == REVIEWS[7]


def test_length_and_columns_are_known_without_the_rows(path: Path):
    assert parquet_length(path) == 11
    assert parquet_column(path, "rationale") == [one.rationale for one in REVIEWS]
    assert parquet_column(path, "not there") == [None] * 11


def test_what_is_no_parquet_file_is_said(tmp_path: Path):
    path = tmp_path / "reviews.parquet"
    path.write_text("no Parquet")
    with pytest.raises(InputError, match="not a Parquet file"):
        parquet_length(path)
    with pytest.raises(InputError, match="not a Parquet file"):
        parquet_column(path, "rationale")
