"""Jobs: made from an upload, cancelled, resumed, deleted."""

import secrets
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, insert, update

from ...datasets.errors import ConfigError, InputError
from ..config import ServiceConfig
from ..store import keys
from ..store.audit import note
from ..store.database import Database, now
from ..store.tables import Answered, Item, Job, Rejected
from .budgets import SpentError, has_budget
from .queue import Line
from .states import ENDED, JobState
from .uploads import Bad, Good, RefusedUploadError

_BATCH = 2000
_BATCH_CHARACTERS = 8_000_000
"""What is written at once is bounded in both: rows may be many, or large."""
_SHOWN = 100
CHUNK = 256
"""Solutions that are judged together."""
_LANES = 4
"""Parts into which a job is cut, at most. More would only make its verdicts come in a wilder order."""
_ABANDONED = timedelta(hours=1)


class Wanted(NamedTuple):
    """What a caller wants of a job."""

    key_id: str | None
    name: str
    panel: str
    budget_usd: float | None = None
    token: str | None = None
    """Under which the same request is the same job."""
    fingerprint: str = ""
    """Of all that the request says."""


class Jobs:
    """The jobs of a service.

    Args:
        database: Where they are.
        line: Where their turns wait.
        config: The panels there are.
    """

    def __init__(self, database: Database, line: Line, config: ServiceConfig) -> None:
        self._database = database
        self._line = line
        self._config = config

    def create(self, wanted: Wanted, rows: Iterator[Good | Bad]) -> Job:
        """Make a job from the rows of an upload and put it in line, all before this returns.

        Rows are written in batches, so that others can write between them; until the last is, the job is
        seen by nobody.

        Raises:
            ConfigError: If there is no such panel, or its budget can't be kept.
            RefusedUploadError: If no row is a solution, or too many are none.
            InputError: If there are too many, or they can't be read.
            SpentError: If nothing is left of its key's budget, and it would cost something.
        """
        judges = self._config.panels.get(wanted.panel)
        if judges is None:
            known = ", ".join(self._config.panels)
            raise ConfigError(f"panel: there is no {wanted.panel!r}", hint=f"Known are {known}")
        identity = f"j-{secrets.token_hex(8)}"
        job = Job(
            id=identity,
            key_id=wanted.key_id,
            name=wanted.name,
            panel=wanted.panel,
            judges=judges.model_dump(mode="json", exclude_unset=True),
            state=JobState.UPLOADING.value,
            budget_usd=wanted.budget_usd,
            created_at=now(),
        )
        with self._database.session() as session:
            is_limited = has_budget(session, job)
            if is_limited and any(llm.price is None for llm in judges.llms):
                raise ConfigError(
                    f"budget_usd: a judge of {wanted.panel!r} has no price",
                    hint="Give it one in the service's file",
                )
            usd = keys.left(session, job.key_id)
            if is_limited and usd is not None and usd <= 0:
                raise SpentError
            session.add(job)
        try:
            items, rejected = self._write(identity, rows)
            with self._database.session() as session:
                job = session.merge(job)
                job.items, job.rejected = items, rejected
                # One lane keeps a budget, and language models are asked about many solutions at once anyway.
                job.lanes = 1 if judges.llms else min(_LANES, -(-items // CHUNK))
                job.state = JobState.QUEUED.value
                self._line.start(session, job, is_limited)
                note(session, wanted.key_id, "job.create", job.id, items=items, rejected=rejected)
                if wanted.token is not None:
                    session.add(
                        Answered(
                            key_id=wanted.key_id or "",
                            token=wanted.token,
                            fingerprint=wanted.fingerprint,
                            job_id=job.id,
                            created_at=now(),
                        )
                    )
        except BaseException:
            self._forget(identity)
            raise
        return job

    def answered(self, key_id: str | None, token: str) -> Answered | None:
        """Return what a request with this token was answered."""
        with self._database.session() as session:
            return session.get(Answered, (key_id or "", token))

    def find(self, identity: str) -> Job | None:
        """Return a job, `None` where there is none."""
        with self._database.session() as session:
            job = session.get(Job, identity)
            is_seen = job is not None and job.state != JobState.UPLOADING and job.run is None
            return job if is_seen else None

    def cancel(self, job: Job, key_id: str | None) -> Job:
        """Judge no more of a job. What is being asked is finished and kept.

        A job that has ended stays as it is.
        """
        with self._database.session() as session:
            changed = session.execute(
                update(Job)
                .where(Job.id == job.id, Job.state.not_in([state.value for state in ENDED]))
                .values(state=JobState.CANCELLED.value, ended_at=now())
                .returning(Job.id)
            ).all()
            if changed:
                note(session, key_id, "job.cancel", job.id)
            return session.get_one(Job, job.id, populate_existing=True)

    def resume(self, job: Job, key_id: str | None, budget_usd: float | None = None) -> Job:
        """Go on with a job that was stopped or cancelled.

        Args:
            job: Which.
            key_id: Who wants it.
            budget_usd: What it may cost in all, from now on; as before when left out.

        Raises:
            InputError: If it was neither.
        """
        with self._database.session() as session:
            values = {"state": JobState.QUEUED.value, "reason": None, "ended_at": None}
            resumable = (JobState.STOPPED.value, JobState.CANCELLED.value)
            changed = session.execute(
                update(Job)
                .where(Job.id == job.id, Job.state.in_(resumable))
                .values(**values, starts=Job.starts + 1, budget_usd=budget_usd or job.budget_usd)
                .returning(Job.id)
            ).all()
            if not changed:
                raise InputError(f"job {job.id} is {job.state}", hint="Only one that was stopped is resumed")
            job = session.get_one(Job, job.id, populate_existing=True)
            self._line.start(session, job, has_budget(session, job))
            note(session, key_id, "job.resume", job.id, budget_usd=job.budget_usd)
            return job

    def delete(self, job: Job, key_id: str | None) -> None:
        """Forget a job, its solutions and its verdicts.

        Raises:
            InputError: If it has not ended.
        """
        with self._database.session() as session:
            gone = session.execute(
                delete(Job)
                .where(Job.id == job.id, Job.state.in_([state.value for state in ENDED]))
                .returning(Job.id)
            ).all()
            if not gone:
                raise InputError(f"job {job.id} has not ended", hint="Cancel it first")
            note(session, key_id, "job.delete", job.id, name=job.name, items=job.items)

    def tidy(self) -> None:
        """Forget uploads that were broken off with the process that read them."""
        with self._database.session() as session:
            session.execute(
                delete(Job).where(Job.state == JobState.UPLOADING.value, Job.created_at < now() - _ABANDONED)
            )

    def _write(self, job_id: str, rows: Iterable[Good | Bad]) -> tuple[int, int]:
        limits = self._config.limits
        items, rejected, first = 0, 0, list[Bad]()
        for batch in _batches(rows):
            good = [row for row in batch if isinstance(row, Good)]
            bad = [row for row in batch if isinstance(row, Bad)]
            first += bad[: _SHOWN - len(first)]
            if rejected + len(bad) > limits.rejected_lines:
                raise RefusedUploadError(f"more than {limits.rejected_lines:,} lines are no solutions", first)
            if items + len(good) > limits.job_solutions:
                raise InputError(
                    f"the upload holds more than {limits.job_solutions:,} solutions",
                    hint="Send several uploads, a job each",
                )
            with self._database.session() as session:
                if good:
                    session.execute(
                        insert(Item),
                        [
                            {"job_id": job_id, "number": number, "name": row.name, "row": row.row}
                            for number, row in enumerate(good, items)
                        ],
                    )
                if bad:
                    session.execute(insert(Rejected), [{"job_id": job_id, **row._asdict()} for row in bad])
            items += len(good)
            rejected += len(bad)
        if not items:
            raise RefusedUploadError("the upload holds no solution", first)
        return items, rejected

    def _forget(self, job_id: str) -> None:
        with self._database.session() as session:
            session.execute(delete(Job).where(Job.id == job_id))


def _batches(rows: Iterable[Good | Bad]) -> Iterator[list[Good | Bad]]:
    batch: list[Good | Bad] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.row) if isinstance(row, Good) else len(row.reason)
        if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
