"""What one upload may be."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from firstfault.service.config import Limits, ServiceConfig
from firstfault.service.store.tables import Item, Job, Rejected
from service_app import RIGHT, App
from sqlalchemy import func, select

GOOD = json.dumps(RIGHT).encode() + b"\n"


def kept(app: App) -> list[int]:
    with app.database.session() as session:
        return [session.scalar(select(func.count()).select_from(kind)) or 0 for kind in (Job, Item, Rejected)]


@pytest.fixture
def narrow(tmp_path: Path, url: str) -> Iterator[App]:
    limits = Limits(rejected_lines=3000, job_solutions=3000)
    with App(tmp_path, url, ServiceConfig(limits=limits)) as app:
        yield app


def test_an_upload_with_too_many_lines_that_are_no_solutions_is_refused_with_their_reasons(narrow: App):
    refused = narrow.client.post("/v1/jobs", content=GOOD + b"1\n" * 3001)
    assert refused.status_code == 422
    assert "more than 3,000 lines are no solutions: line 2: " in refused.json()["detail"]
    assert len(refused.json()["errors"]) == 100
    assert kept(narrow) == [0, 0, 0]
    assert narrow.post(GOOD + b"1\n" * 3000)["rejected"] == 3000


def test_of_endless_parquet_without_solutions_no_more_is_read(narrow: App):
    import pyarrow as pa
    import pyarrow.parquet as pq

    sent = pa.BufferOutputStream()
    pq.write_table(pa.table({"problem": pa.nulls(1 << 20, pa.string())}), sent)
    body = sent.getvalue().to_pybytes()
    assert len(body) < 10_000
    before = psutil.Process().children()
    assert "more than 3,000 lines" in narrow.client.post("/v1/jobs", content=body).json()["detail"]
    # What unpacked it is gone.
    assert psutil.Process().children() == before
    assert kept(narrow) == [0, 0, 0]


def test_an_upload_with_more_solutions_than_a_job_may_have_is_refused(narrow: App):
    refused = narrow.client.post("/v1/jobs", content=GOOD * 3001)
    assert refused.status_code == 422
    assert refused.json()["detail"] == "the upload holds more than 3,000 solutions"
    assert "several" in refused.json()["hint"]
    assert kept(narrow) == [0, 0, 0]
    assert narrow.post(GOOD * 3000)["items"] == 3000
