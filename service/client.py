"""The service from Python: a thin client whose methods are the API's operations.

    with Client("http://127.0.0.1:8400") as client:
        job = client.post_job(Path("solutions.jsonl"), name="nightly")
        for verdict in client.stream(job.id):
            ...

It needs none of the service's libraries.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

import httpx2
from pydantic import TypeAdapter

from ..datasets.errors import EndpointError
from ..datasets.records import Pair, Review
from .api.views import (
    CaseView,
    ChangeView,
    DatasetView,
    FoundView,
    JobView,
    KeyView,
    NewKeyView,
    PanelView,
    RejectedView,
    RunView,
    StageView,
    TaskView,
    VerdictView,
)
from .store.scope import Scope
from .transport import ServiceError, Transport, part_of
from .work.states import ENDED, JobState, TaskState

__all__ = ["Client", "ServiceError"]
_IN_MEMORY = 8 << 20
_PARQUET = "application/vnd.apache.parquet"
_NDJSON = "application/x-ndjson"


class Client:
    """A service.

    What was lost with a connection is asked for again; who is told to wait, waits.

    Args:
        url: Its address.
        key: An API key; what `FIRSTFAULT_KEY` holds when left out.
        timeout: Seconds without a byte after which a connection counts as lost.

    Raises:
        ConfigError: If the address is none.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8400", key: str | None = None, timeout: float = 60
    ) -> None:
        self._service = Transport(url, key or os.environ.get("FIRSTFAULT_KEY"), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._service.close()

    def judge(self, solution: Mapping[str, Any], *, panel: str | None = None) -> FoundView:
        """Judge one solution at once: `problem`, `steps`, and what else ProcessBench's rows have."""
        return self._service.one(FoundView, "POST", "/v1/judge", asked={"panel": panel}, body=dict(solution))

    def panels(self) -> list[PanelView]:
        """List the panels that may be named."""
        return TypeAdapter(list[PanelView]).validate_json(self._service.ask("GET", "/v1/panels").content)

    def post_job(
        self,
        solutions: Path | str | Iterable[Mapping[str, Any]],
        *,
        name: str = "",
        panel: str | None = None,
        budget_usd: float | None = None,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Judge many solutions: a file of JSON lines or Parquet, sent as it is read, or rows.

        Args:
            solutions: The file's path, or the rows.
            name: For people.
            panel: Who judges.
            budget_usd: What it may cost.
            idempotency_key: Sent again, the same request is the same job.

        It is one job however often the connection is lost meanwhile.
        """
        asked = {"name": name, "panel": panel, "budget_usd": budget_usd}
        sent = {"idempotency-key": idempotency_key or secrets.token_hex(16)}
        with _opened(solutions) as file:
            is_parquet = file.read(4) == b"PAR1"

            def body() -> Iterator[bytes]:
                file.seek(0)
                while piece := file.read(1 << 16):
                    yield piece

            headers = {**sent, "content-type": _PARQUET if is_parquet else _NDJSON}
            answer = self._service.ask("POST", "/v1/jobs", asked=asked, headers=headers, stream=body)
        return JobView.model_validate_json(answer.content)

    def jobs(self, *, state: JobState | None = None) -> Iterator[JobView]:
        """Yield jobs, newest first."""
        return self._service.pages(JobView, "/v1/jobs", {"state": state})

    def job(self, job: str) -> JobView:
        """Return a job as it is now."""
        return self._service.one(JobView, "GET", f"/v1/jobs/{part_of(job)}")

    def wait(self, job: str, progress: Callable[[JobView], object] = lambda _: None) -> JobView:
        """Wait until a job has ended, telling of it whenever it has moved on."""
        while True:
            try:
                with self._service.lines(f"/v1/jobs/{part_of(job)}/events", {}) as lines:
                    for line in lines:
                        if line.startswith("data: {"):
                            progress(JobView.model_validate_json(line.removeprefix("data: ")))
            except httpx2.TransportError:
                pass
            found = self._service.later(lambda: self.job(job))
            if found.state in ENDED:
                return found

    def stream(self, job: str, *, follow: bool = True) -> Iterator[VerdictView]:
        """Yield a job's verdicts in the order of its solutions, while it is judged.

        Args:
            job: Its id.
            follow: Whether to go on until it has ended; else those there are.
        """
        path, last = f"/v1/jobs/{part_of(job)}/verdicts", -1
        while True:
            try:
                with self._service.lines(path, {"follow": follow, "after": last}) as lines:
                    for line in lines:
                        verdict = VerdictView.model_validate_json(line)
                        last = verdict.number
                        yield verdict
                return
            except httpx2.TransportError:
                # Also for a job that was long silent: nothing is sent where nothing is found.
                self._service.later(lambda: self.job(job))

    def rejected(self, job: str) -> Iterator[RejectedView]:
        """Yield the lines of an upload that are no solutions."""
        return self._service.pages(RejectedView, f"/v1/jobs/{part_of(job)}/rejected", {})

    def cancel(self, job: str) -> JobView:
        """Judge no more of a job."""
        return self._service.one(JobView, "POST", f"/v1/jobs/{part_of(job)}/cancel")

    def resume(self, job: str, *, budget_usd: float | None = None) -> JobView:
        """Go on with a job that was stopped or cancelled."""
        return self._service.one(
            JobView, "POST", f"/v1/jobs/{part_of(job)}/resume", asked={"budget_usd": budget_usd}
        )

    def delete(self, job: str) -> None:
        """Forget a job that has ended."""
        self._service.ask("DELETE", f"/v1/jobs/{part_of(job)}")

    def verdicts(
        self,
        *,
        run: str | None = None,
        job: str | None = None,
        status: str | None = None,
        error_type: str | None = None,
        first_fault: int | None = None,
        judge: str | None = None,
        disagree: bool | None = None,
        needs_review: bool | None = None,
    ) -> Iterator[VerdictView]:
        """Yield verdicts; `first_fault` is 0-based. With `judge` it is that judge's findings that count."""
        asked = {
            "run": run,
            "job": job,
            "status": status,
            "error_type": error_type,
            "first_fault": first_fault,
            "judge": judge,
            "disagree": disagree,
            "needs_review": needs_review,
        }
        return self._service.pages(VerdictView, "/v1/verdicts", asked)

    def verdict(self, item: int) -> CaseView:
        """Return a verdict with problem, steps and every vote."""
        return self._service.one(CaseView, "GET", f"/v1/verdicts/{item}")

    def runs(self) -> Iterator[RunView]:
        """Yield runs, by name."""
        return self._service.pages(RunView, "/v1/runs", {})

    def run(self, run: str) -> RunView:
        """Return a run as far as it is."""
        return self._service.one(RunView, "GET", f"/v1/runs/{part_of(run)}")

    def stages(self, run: str) -> list[StageView]:
        """Return a run's stages, in order."""
        answer = self._service.ask("GET", f"/v1/runs/{part_of(run)}/stages")
        return TypeAdapter(list[StageView]).validate_json(answer.content)

    def report(self, run: str) -> dict[str, Any]:
        """Return a run's report as far as it is."""
        return self._service.ask("GET", f"/v1/runs/{part_of(run)}/report").json()

    def reviews(
        self, run: str, *, status: str | None = None, reviewer: str | None = None
    ) -> Iterator[Review]:
        """Yield what people said of a run's solutions."""
        asked = {"status": status, "reviewer": reviewer}
        return self._service.pages(Review, f"/v1/runs/{part_of(run)}/reviews", asked)

    def pairs(self, run: str, *, part: str = "train", error_type: str | None = None) -> Iterator[Pair]:
        """Yield a run's preference pairs: `train`, or `test`, which is set aside."""
        asked = {"part": part, "error_type": error_type}
        return self._service.pages(Pair, f"/v1/runs/{part_of(run)}/pairs", asked)

    def datasets(self) -> Iterator[DatasetView]:
        """Yield the Silver Bullet sets."""
        return self._service.pages(DatasetView, "/v1/datasets", {})

    def dataset(self, run: str) -> DatasetView:
        """Return a run's Silver Bullet set."""
        return self._service.one(DatasetView, "GET", f"/v1/datasets/{part_of(run)}")

    def start(self, run: str, action: str, **options: Any) -> TaskView:
        """Start a command on a run: `resume`, `curate`, `restore`, `publish`, `push` or `pull`."""
        body = {"action": action, **options}
        return self._service.one(TaskView, "POST", f"/v1/runs/{part_of(run)}/tasks", body=body)

    def tasks(self, *, run: str | None = None, state: TaskState | None = None) -> Iterator[TaskView]:
        """Yield tasks, newest first."""
        return self._service.pages(TaskView, "/v1/tasks", {"run": run, "state": state})

    def task(self, task: str) -> TaskView:
        """Return a task as it is now."""
        return self._service.one(TaskView, "GET", f"/v1/tasks/{part_of(task)}")

    def task_log(self, task: str) -> str:
        """Return the end of what a task's command has written."""
        return self._service.ask("GET", f"/v1/tasks/{part_of(task)}/log").text

    def cancel_task(self, task: str) -> TaskView:
        """Stop a task's command."""
        return self._service.one(TaskView, "POST", f"/v1/tasks/{part_of(task)}/cancel")

    def list_keys(self) -> list[KeyView]:
        """List API keys, without their secrets."""
        return TypeAdapter(list[KeyView]).validate_json(self._service.ask("GET", "/v1/keys").content)

    def make_key(
        self, name: str, *, scope: Scope = Scope.JUDGE, budget_usd: float | None = None
    ) -> NewKeyView:
        """Make an API key; its secret is shown this once."""
        body = {"name": name, "scope": scope.value, "budget_usd": budget_usd}
        return self._service.one(NewKeyView, "POST", "/v1/keys", body=body)

    def set_key_budget(self, key: str, budget_usd: float | None) -> KeyView:
        """Change what an API key may spend in all; `None` for no limit."""
        body = {"budget_usd": budget_usd}
        return self._service.one(KeyView, "PATCH", f"/v1/keys/{part_of(key)}", body=body)

    def revoke_key(self, key: str) -> KeyView:
        """Revoke an API key."""
        return self._service.one(KeyView, "DELETE", f"/v1/keys/{part_of(key)}")

    def changes(self) -> Iterator[ChangeView]:
        """Yield the audit log, oldest first."""
        return self._service.pages(ChangeView, "/v1/changes", {})

    def is_ready(self) -> bool:
        """Whether the service answers and its database does."""
        try:
            self._service.ask("GET", "/ready", waits=False)
        except EndpointError:
            return False
        return True


@contextmanager
def _opened(solutions: Path | str | Iterable[Mapping[str, Any]]) -> Generator[IO[bytes]]:
    if isinstance(solutions, Path | str):
        with Path(solutions).open("rb") as file:
            yield file
        return
    # Kept until they have arrived: rows can be drawn only once.
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for row in solutions:
            file.write(json.dumps(dict(row)).encode() + b"\n")
        file.seek(0)
        yield file
