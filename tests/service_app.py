"""The service's application on a database, its turns taken in this process: no server, no worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from anyio import CapacityLimiter
from fastapi.testclient import TestClient
from firstfault.judge.case import Judge
from firstfault.judge.config import JudgeConfig
from firstfault.service.api.state import State
from firstfault.service.app import make_app
from firstfault.service.config import ServiceConfig
from firstfault.service.store.database import Database
from firstfault.service.store.keys import make
from firstfault.service.store.scope import Scope
from firstfault.service.store.tables import Job
from firstfault.service.work.carrier import Carrier
from firstfault.service.work.jobs import Jobs
from firstfault.service.work.purses import Purses
from firstfault.service.work.queue import Line
from firstfault.service.work.runs import Runs
from firstfault.service.work.tasks import Tasks
from firstfault.service.work.turns import Turns

RIGHT = {"id": "right", "problem": "What is 2 + 2?", "steps": ["2 + 2 = 4", "The answer is 4"]}
WRONG = {"id": "wrong", "problem": "What is 2 + 2?", "steps": ["2 + 2 = 5", "The answer is 5"]}


PRICE = 0.015
"""Of an answer: 15 tokens of $1,000 a million."""


def asking(url: str, *more: dict[str, Any], concurrency: int = 8, **fields: Any) -> ServiceConfig:
    """Configure a panel of a language model and maybe more, and one that costs nothing."""
    llm = {
        "llm": "m",
        "base_url": url,
        "price": {"prompt": 1e3, "completion": 1e3},
        "retries": 0,
        "concurrency": concurrency,
    }
    panel = {"panel": [llm, *({**llm, **one} for one in more)], **fields}
    panels = {"asking": JudgeConfig.model_validate(panel), "symbolic": JudgeConfig(panel=("symbolic",))}
    return ServiceConfig(panels=panels, panel="asking")


def _none() -> Any:
    raise AssertionError("no panel has the rollout judge")


class App:
    """A service without processes of its own.

    Args:
        folder: Its data.
        url: Its database.
        config: Panels and limits.
        needs_keys: Whether every caller needs a key.
        rollout: Makes the rollout judge.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        config: ServiceConfig | None = None,
        *,
        needs_keys: bool = False,
        rollout: Callable[[], Judge] = _none,
    ) -> None:
        self.config = config or ServiceConfig()
        self.database = Database(url)
        self.database.migrate()
        self.line = Line(self.database)
        self.jobs = Jobs(self.database, self.line, self.config)
        self.ledger = folder / "ledger.sqlite"
        self.runs = Runs(folder / "runs")
        self.tasks = Tasks(self.database, self.line, self.runs, folder / "tasks")
        self.carrier = Carrier(self.database, self.line, self.runs, folder / "tasks")
        limiter = CapacityLimiter(self.config.limits.judging)
        state = State(
            self.database,
            self.config,
            self.jobs,
            self.runs,
            self.tasks,
            self.line,
            self.ledger,
            needs_keys,
            limiter,
            CapacityLimiter(4),
            Purses(self.database),
            rollout,
        )
        self.client = TestClient(make_app(state), base_url="http://127.0.0.1", raise_server_exceptions=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.line.close()
        self.database.close()

    def key(self, scope: Scope, budget_usd: float | None = None) -> dict[str, str]:
        """Make a key; return the headers that send it."""
        with self.database.session() as session:
            made = make(session, scope.value, scope, budget_usd)
        return {"authorization": f"Bearer {made.secret}"}

    def post(self, body: bytes, headers: dict[str, str] | None = None, **asked: Any) -> dict[str, Any]:
        """Post a job."""
        answer = self.client.post("/v1/jobs", content=body, headers=headers, params=asked)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def work(self, job_id: str) -> dict[str, Any]:
        """Take the first turn of every lane, as workers would; return the job then."""
        turns = Turns(self.database, self.line, self.ledger, _none)
        job = self.jobs.find(job_id)
        assert job is not None
        for lane in range(job.lanes):
            turns.take(job_id, job.starts, lane, 0)
        return self.client.get(f"/v1/jobs/{job_id}").json()

    def job(self, job_id: str) -> Job | None:
        """Return a job as it is stored."""
        return self.jobs.find(job_id)
