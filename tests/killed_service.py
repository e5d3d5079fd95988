"""A job that goes on while its service and its workers are killed again and again."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
from hostile import PASSING, Act, Hostile, Plan
from service_running import Service

_CLEAN = {
    "steps": [{"step": 1, "reason": "right", "verdict": "right"}],
    "first_fault": None,
    "error_type": None,
    "subtype": None,
    "rationale": "",
    "corrected_step": None,
    "confidence": 0.9,
}
WORKERS = 2
CONCURRENCY = 16


def failing(seed: int, share: float = 0.15) -> Plan:
    """Fail a share of all attempts in every passing way there is; call the rest clean."""

    def plan(text: str, number: int) -> Act:
        rng = random.Random(f"{seed}|{text}|{number}")
        return rng.choice(PASSING) if rng.random() < share else Act(content=json.dumps(_CLEAN))

    return plan


class Outcome(NamedTuple):
    """What became of the job."""

    rows: list[dict[str, Any]]
    """Its verdicts."""
    kills: int
    asked_again: int
    """Conversations that were asked after a verdict on them stood in the database."""
    bought_twice: int
    """Answers beyond the first to the same conversation: those on their way when the asker died."""


class Killed(Service):
    """A service that can be killed and started anew.

    Args:
        folder: Its data, and its configuration.
        server: The endpoint of its judge.
        db: URL of its database; SQLite when left out.
    """

    def __init__(self, folder: Path, server: Hostile, db: str | None = None) -> None:
        config = folder / "service.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        judge = {
            "llm": "m",
            "base_url": server.url,
            "concurrency": CONCURRENCY,
            "timeout": 5,
            "retries": 8,
            "price": {"prompt": 1, "completion": 1},
        }
        config.write_text(json.dumps({"panels": {"asking": {"panel": [judge]}}, "panel": "asking"}))
        super().__init__(folder / "data", db, workers=WORKERS, config=config)

    def workers(self) -> list[int]:
        """Process ids of the workers that live."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def kill_one(self, rng: random.Random) -> None:
        """Kill a worker or the service, which is started anew."""
        workers = self.workers()
        if workers and rng.random() < 0.5:
            os.kill(rng.choice(workers), signal.SIGKILL)
            return
        self.kill()
        self.start()


def rows(count: int) -> Iterator[bytes]:
    for number in range(count):
        row = {
            "id": f"s{number}",
            "problem": f"What is {number} + 1?",
            "steps": [f"{number} + 1 = {number + 1}"],
        }
        yield json.dumps(row).encode() + b"\n"


def judge_while_killing(killed: Killed, server: Hostile, *, count: int, kills: int, seed: int) -> Outcome:
    """Post a job, kill at random moments, and wait for its end.

    The moments are drawn as numbers of requests that the endpoint has got.
    """
    rng = random.Random(seed)
    with killed:
        job = killed.post(b"".join(rows(count)))["id"]
        asked_again = 0
        settled: dict[str, int] = {}
        for share in sorted(rng.uniform(0.05, 0.9) for _ in range(kills)):
            server.wait_until(lambda s, at=share * count: sum(s.asked.values()) >= at, seconds=300)
            settled.update(_settled(killed.client, job, server))
            killed.kill_one(rng)
        found = _followed(killed, job)
        asked_again = sum(server.asked[text] > number for text, number in settled.items())
        twice = sum(number - 1 for number in server.answered.values() if number > 1)
        return Outcome(found, kills, asked_again, twice)


def _settled(client: httpx.Client, job: str, server: Hostile) -> dict[str, int]:
    """How often what has a verdict was asked, by conversation."""
    lines = client.get(f"/v1/jobs/{job}/verdicts").text.splitlines()
    done = {f"What is {json.loads(line)['number']} + 1?" for line in lines}
    with server.changed:
        asked = dict(server.asked)
    return {text: number for text, number in asked.items() if any(question in text for question in done)}


def _followed(killed: Killed, job: str) -> list[dict[str, Any]]:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        found = killed.followed(job)
        shown = killed.job(job)
        if shown["state"] == "done":
            return found
        assert shown["state"] in ("queued", "running"), shown
    raise AssertionError("the job has not ended in ten minutes")
