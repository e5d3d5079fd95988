"""Uploads that were packed with gzip, by themselves or on their way."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.service.config import Limits, ServiceConfig
from httpx import Response
from service_app import RIGHT, WRONG, App

LIMIT = 2_000_000
BODY = b"".join(json.dumps({**RIGHT, "id": f"s-{n}"}).encode() + b"\n" for n in range(500))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    config = ServiceConfig(limits=Limits(upload_bytes=LIMIT))
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", config) as app:
        yield app


def sent(app: App, body: bytes, encoding: str | None = None, size: int = 1 << 16) -> Response:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    headers = {"content-encoding": encoding} if encoding is not None else {}
    return app.client.post("/v1/jobs", content=pieces, headers=headers)


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_packed_upload_is_what_it_unpacks_to(app: App, size: int):
    packed = gzip.compress(BODY)
    in_two = gzip.compress(BODY[:999]) + gzip.compress(BODY[999:]) + bytes(100)
    for body, encoding in ((packed, "gzip"), (packed, None), (in_two, "x-gzip"), (BODY, "identity")):
        answer = sent(app, body, encoding, size)
        assert answer.status_code == 202, answer.text
        assert (answer.json()["items"], answer.json()["rejected"]) == (500, 0)


def test_an_array_of_processbench_is_taken_packed_too(app: App):
    array = json.dumps(
        [{**row, "label": -1, "final_answer_correct": True} for row in (RIGHT, WRONG)], indent=2
    )
    for body in (array.encode(), gzip.compress(array.encode())):
        job = sent(app, body).json()
        assert (job["items"], job["rejected"]) == (2, 0)
        assert app.work(job["id"])["faulty"] == 1


def test_other_encodings_are_refused_at_once(app: App):
    for encoding in ("br", "zstd", "deflate", "gzip, gzip"):
        refused = sent(app, BODY, encoding)
        assert refused.status_code == 415
        assert "gzip" in refused.json()["hint"]
        assert refused.headers["accept-encoding"] == "gzip"


def test_what_is_damaged_is_one_refusal(app: App):
    packed = gzip.compress(BODY)
    for body, encoding in (
        (packed[:-9], None),
        (packed[:200] + b"x" * 200 + packed[400:], None),
        (packed + b"more", None),
        (BODY, "gzip"),
        (b"", "gzip"),
    ):
        refused = sent(app, body, encoding)
        assert refused.status_code == 422
        assert "unpacked" in refused.json()["detail"]
        assert refused.json()["errors"] == []


def test_it_may_unpack_to_no_more_than_an_upload_may_be(app: App):
    line = json.dumps(RIGHT).encode() + b"\n"
    most = line * (LIMIT // len(line))
    assert sent(app, gzip.compress(most)).status_code == 202
    for more in (most + line, bytes(200 * LIMIT)):
        packed = gzip.compress(more)
        assert len(packed) < LIMIT
        assert sent(app, packed).status_code == 413
    # Of what unpacks to nothing there may not be more either.
    assert sent(app, gzip.compress(b"") * (LIMIT // 20 + 1)).status_code == 413
