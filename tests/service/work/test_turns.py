"""Turns that are overtaken by who cancels or deletes their job, or end with their process."""

import json
import threading
from pathlib import Path
from typing import NoReturn

from firstfault.service.work.turns import Turns
from hostile import Hostile
from killed_service import failing, rows
from service_app import App, asking

DELAY = 0.5
"""Seconds that the endpoint takes to answer: long enough to be overtaken."""


class Turn:
    """A turn that is taken in a thread of its own."""

    def __init__(self, app: App, job: str) -> None:
        self.turns = Turns(app.database, app.line, app.ledger, _none)
        found = app.job(job)
        assert found is not None
        self._thread = threading.Thread(target=self.turns.take, args=(job, found.starts, 0, 0))
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()


def _none() -> NoReturn:
    raise AssertionError("no panel has the rollout judge")


def _statuses(app: App, job: str) -> list[tuple[str, str]]:
    found = app.client.get(f"/v1/jobs/{job}/verdicts").text.splitlines()
    return [(one["judge"], one["status"]) for one in map(json.loads, found)]


def test_answers_on_a_job_that_was_deleted_are_no_other_jobs_verdicts(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0), delay=DELAY) as server, App(tmp_path, url, asking(server.url)) as app:
        first = app.post(b"".join(rows(4)))["id"]
        turn = Turn(app, first)
        server.wait_until(lambda one: sum(one.asked.values()) > 0)
        app.client.post(f"/v1/jobs/{first}/cancel")
        assert app.client.delete(f"/v1/jobs/{first}").status_code == 204
        second = app.post(b"".join(rows(4)), panel="symbolic")["id"]
        turn.wait()
        assert _statuses(app, second) == []
        assert app.work(second)["state"] == "done"
        assert _statuses(app, second) == [("symbolic", "unsure")] * 4


def test_the_number_of_a_solution_that_is_gone_is_no_other_ones(tmp_path: Path, url: str):
    with App(tmp_path, url) as app:
        items: list[int] = []
        for _ in range(3):
            job = app.post(b"".join(rows(2)))["id"]
            app.work(job)
            items += [one["item"] for one in app.client.get("/v1/verdicts").json()["items"]]
            app.client.delete(f"/v1/jobs/{job}")
        assert len(set(items)) == 6
        assert items == sorted(items)


def test_a_cancelled_job_asks_nothing_more_before_its_first_verdict_too(tmp_path: Path, url: str):
    # The first of two judges is asked about all solutions before one has its verdict.
    with Hostile(failing(0, share=0), delay=DELAY) as server:
        config = asking(server.url, {"llm": "second"}, concurrency=2)
        with App(tmp_path, url, config) as app:
            job = app.post(b"".join(rows(60)))["id"]
            turn = Turn(app, job)
            server.wait_until(lambda one: sum(one.answered.values()) > 0)
            app.client.post(f"/v1/jobs/{job}/cancel")
            turn.wait()
            assert sum(server.asked.values()) < 60
            assert sum(server.asked.values()) == sum(server.answered.values())


def test_a_turn_that_ends_with_its_process_leaves_the_rest_to_others(tmp_path: Path, url: str):
    slow = Hostile(failing(0, share=0), delay=DELAY)
    with slow as server, App(tmp_path, url, asking(server.url, concurrency=2)) as app:
        job = app.post(b"".join(rows(60)))["id"]
        turn = Turn(app, job)
        server.wait_until(lambda one: sum(one.answered.values()) > 0)
        before = app.line.waiting()
        turn.turns.end()
        turn.wait()
        left = app.client.get(f"/v1/jobs/{job}").json()
        assert left["state"] == "running"
        asked = sum(server.asked.values())
        assert 0 < asked < 60
        # What was on its way was waited for, and another turn is in line.
        assert sum(server.answered.values()) == left["done"] == asked
        assert app.line.waiting() == before + 1
        server.hurry()
        assert app.work(job)["state"] == "done"
        assert sum(server.asked.values()) == 60
