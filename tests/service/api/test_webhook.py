"""Argilla's events: signed ones start a pull, all others nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from firstfault.service.api.webhook import SECRET
from service_app import App
from small_run import make_run
from standardwebhooks.webhooks import Webhook

KEY = "whsec_c2VjcmV0LW9mLWEtdGVzdA"
EVENT = {
    "type": "response.updated",
    "version": 1,
    "data": {"record": {"dataset": {"name": "abacus-review", "workspace": {"name": "review"}}}},
}


@pytest.fixture
def app(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv(SECRET, KEY)
    with App(tmp_path, url, needs_keys=True) as app:
        folder = make_run(tmp_path / "runs" / "small", 2, spare=2)
        folder.write_facts("review", {"workspace": "review", "dataset": "abacus-review"})
        make_run(tmp_path / "runs" / "other", 2, spare=2)
        yield app


def tell(app: App, event: Any, key: str = KEY, at: datetime | None = None) -> httpx.Response:
    body = json.dumps(event)
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": "msg-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(key).sign("msg-1", at, body),
    }
    return app.client.post("/v1/argilla", content=body, headers=headers)


def test_an_answer_starts_a_pull_of_its_run(app: App):
    told = tell(app, EVENT)
    assert told.status_code == 200
    task = app.tasks.find(told.json()["task"])
    assert task is not None
    assert (task.run, task.action, task.state) == ("small", "pull", "queued")
    # Further answers wait for the same one.
    assert tell(app, EVENT).json() == told.json()


def test_an_answer_that_comes_while_a_pull_runs_starts_another(app: App):
    first = tell(app, EVENT).json()["task"]
    app.carrier.carry_out(first)  # fails: there is no server; that it has ended is what counts
    assert tell(app, EVENT).json()["task"] != first


def test_answers_on_disputes_belong_to_the_same_run(app: App):
    event = json.loads(json.dumps(EVENT))
    event["data"]["record"]["dataset"]["name"] += "-disputed"
    assert tell(app, event).json()["task"] is not None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "dataset.created", "data": {"name": "abacus-review"}},
        {"type": "response.created", "data": {"record": {"dataset": {"name": "another"}}}},
        {"type": "response.created", "data": {"record": {"dataset": {"name": "abacus-review",
         "workspace": {"name": "elsewhere"}}}}},
        {"type": "response.created", "data": None},
        {"type": "response.created"},
        {"type": ["response.created"]},
        {},
    ],
)  # fmt: skip
def test_other_events_start_nothing(app: App, event: Any):
    assert tell(app, event).json() == {"task": None}


def test_what_is_not_signed_is_refused(app: App):
    late = datetime.now(UTC) - timedelta(hours=1)
    refused = [
        tell(app, EVENT, key="whsec_YW5vdGhlci1zZWNyZXQtb2YtYS10ZXN0"),
        tell(app, EVENT, at=late),
        app.client.post("/v1/argilla", json=EVENT),
        app.client.post("/v1/argilla", json=EVENT, headers={"webhook-id": "x", "webhook-timestamp": "x",
                        "webhook-signature": "v1"}),
        app.client.post("/v1/argilla", content=b"\xff", headers={"webhook-id": "x",
                        "webhook-timestamp": str(int(datetime.now(UTC).timestamp())),
                        "webhook-signature": "v1,\u00e9".encode()}),
    ]  # fmt: skip
    assert [one.status_code for one in refused] == [401] * len(refused)
    with app.database.session() as session:
        from firstfault.service.store.tables import Task

        assert session.query(Task).count() == 0


def test_a_signed_list_is_no_event(app: App):
    assert tell(app, [1]).status_code == 400


def test_without_a_secret_no_event_is_taken(app: App, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(SECRET)
    refused = tell(app, EVENT)
    assert refused.status_code == 403
    assert SECRET in refused.json()["hint"]
