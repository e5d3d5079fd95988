"""The client where it is told to ask later: by the service, or by a proxy before it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from firstfault.service.client import Client, ServiceError
from firstfault.service.work.states import JobState
from service_app import RIGHT, WRONG, App
from service_running import Service

FOUND = json.dumps({"panel": "p", "verdict": {"status": "clean"}, "usd": None})


class Told(NamedTuple):
    """One answer."""

    status: int = 200
    body: str = "[]"
    later: str | None = None
    """When to ask again."""
    is_cut: bool = False
    """Whether the connection is lost before its end."""


class Script:
    """A service that answers as it is told, in this order; its last answer again and again.

    Args:
        answers: What it says.
    """

    def __init__(self, *answers: Told) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Give a client of it."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                script.answer(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                script.answer(self)

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                with Client(f"http://127.0.0.1:{server.server_address[1]}") as client:
                    yield client
            finally:
                server.shutdown()
                thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Say what comes next."""
        self.asked.append(handler.path)
        told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        body = told.body.encode()
        handler.send_response(told.status)
        if told.later is not None:
            handler.send_header("retry-after", told.later)
        handler.send_header("content-length", str(len(body) + told.is_cut))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstfault.service.transport.PAUSE", 0)


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_told_to_ask_later_does(status: int):
    no = Told(status, later="0")
    script = Script(no, no, no, no, no, no, no, Told(body=FOUND))
    with script.client() as client:
        assert client.judge(RIGHT).panel == "p"
    assert len(script.asked) == 8
    with (script := Script(no, Told())).client() as client:
        assert client.panels() == []


@pytest.mark.parametrize("status", [502, 504])
def test_of_a_service_that_does_not_answer_its_proxy_only_what_changes_nothing_is_asked_again(status: int):
    no = Told(status, later="0")
    with (script := Script(no, no, Told())).client() as client:
        assert client.panels() == []
    with (script := Script(no, Told(body=FOUND))).client() as client:
        with pytest.raises(ServiceError) as raised:
            client.judge(RIGHT)
        assert raised.value.status == status
    assert len(script.asked) == 1


@pytest.mark.parametrize(("later", "asked"), [("1", 2), ("Wed, 21 Oct 2015 07:28:00 GMT", 2), ("3600", 1)])
def test_it_is_not_waited_for_ever(monkeypatch: pytest.MonkeyPatch, later: str, asked: int):
    monkeypatch.setattr("firstfault.service.transport.PATIENCE", 1.5)
    hint = json.dumps({"detail": "the database does not answer", "hint": "Ask again in a moment"})
    with (script := Script(Told(503, hint, later))).client() as client:
        with pytest.raises(ServiceError, match="does not answer") as raised:
            client.panels()
        assert len(script.asked) == asked
        with pytest.raises(ServiceError):
            list(client.stream("j-1"))
    assert (raised.value.status, raised.value.hint) == (503, "Ask again in a moment")
    assert len(script.asked) == 2 * asked


def test_whether_it_is_ready_is_said_at_once():
    with (script := Script(Told(503))).client() as client:
        assert not client.is_ready()
    assert len(script.asked) == 1


def test_who_follows_a_job_waits_and_is_sent_nothing_twice(tmp_path: Path):
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}") as app:
        job = app.post("".join(json.dumps(row) + "\n" for row in [RIGHT, WRONG] * 2).encode())["id"]
        app.work(job)
        shown = app.client.get(f"/v1/jobs/{job}").text
        first, second, *rest = app.client.get(f"/v1/jobs/{job}/verdicts").text.splitlines(keepends=True)
    no = Told(503, later="0")
    cut = Told(body=first + second, is_cut=True)
    script = Script(no, cut, no, Told(body=shown), no, Told(body="".join(rest)))
    with script.client() as client:
        assert [one.number for one in client.stream(job)] == [0, 1, 2, 3]
    assert [parse_qs(urlsplit(path).query).get("after") for path in script.asked] == [
        *[["-1"]] * 2,
        *[None] * 2,
        *[["1"]] * 2,
    ]
    with (script := Script(no, Told(body="event: end\n\n"), no, Told(body=shown))).client() as client:
        assert client.wait(job).state == JobState.DONE
    assert len(script.asked) == 4


def test_what_a_service_says_itself_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("firstfault.service.transport.PATIENCE", 0.5)
    config = tmp_path / "service.yaml"
    config.write_text("limits: {requests_per_minute: 1}\n")
    with Service(tmp_path / "data", workers=0, config=config) as service, Client(service.url) as client:

        def ask() -> None:
            # A minute may end on the way.
            for _ in range(3):
                client.panels()

        with pytest.raises(ServiceError) as raised:
            ask()
    assert (raised.value.status, raised.value.hint) == (429, "Wait a moment")
