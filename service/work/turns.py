"""A turn of a job: some seconds of judging, what was found stored every second.

A turn may be cut off at any moment and taken again: it asks only about what has no verdict yet, and the
ledger has what was answered already.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from sqlalchemy import select, update

from ...annotate.engines.ledger_place import LedgerPlace
from ...annotate.engines.spending import Spending
from ...datasets.errors import FirstFaultError
from ...datasets.records import Verdict
from ...judge.case import Judge
from ...judge.config import JudgeConfig
from ...judge.llm import is_unasked, why_unasked
from ...judge.members import Member, assemble, members, price
from ...judge.panel import PanelJudge
from ..store.database import Database, now
from ..store.outages import is_outage, patient
from ..store.tables import Item, Job
from .budgets import Bill, Left, has_budget, left
from .jobs import CHUNK
from .pace import paced
from .queue import Line
from .results import Judged, write
from .states import DUE, JobState
from .uploads import parse, read_row

_SECONDS = 10.0
_STORED_EVERY = 1.0
"""Seconds. What a judge says is seen, and a cancelled job stops asking, about so much later."""
_LARGEST_CHUNK = 1024
_ROUNDS = 4
"""A chunk is at least so many times as large as what is asked at once: it waits for its slowest."""
_LOG = logging.getLogger(__name__)


class Turns:
    """Judges jobs.

    Args:
        database: Where they are.
        line: Where a job waits for its next turn.
        ledger: Where answers of endpoints are kept, unless the panel says.
        rollout: Makes the rollout judge.
        seconds: How long a turn takes, about.
    """

    def __init__(
        self,
        database: Database,
        line: Line,
        ledger: LedgerPlace,
        rollout: Callable[[], Judge],
        *,
        seconds: float = _SECONDS,
    ) -> None:
        self._database = database
        self._line = line
        self._ledger = ledger
        self._rollout = rollout
        self._seconds = seconds
        self._ending = threading.Event()

    def end(self) -> None:
        """Ask nothing more: what is on its way is waited for, and the rest is put in line for others."""
        self._ending.set()

    def take(self, job_id: str, starts: int, lane: int, turn: int) -> None:
        """Judge for a while; then wait in line again, unless nothing is left or the job was stopped.

        Args:
            job_id: The job.
            starts: How often it had been started when the turn was put in line: a turn of an earlier start
                is over.
            lane: The part of the job.
            turn: 0-based number of the turn.
        """
        patient(lambda: self._take_or_stop(job_id, starts, lane, turn))

    def _take_or_stop(self, job_id: str, starts: int, lane: int, turn: int) -> None:
        try:
            self._take(job_id, starts, lane, turn)
        except FirstFaultError as error:
            self._stop(job_id, starts, f"{error}. {error.hint}")
        except Exception as error:
            # Of a process that ends, errors say nothing about the job.
            if is_outage(error) or self._ending.is_set():
                raise
            _LOG.exception("job %s failed", job_id)
            self._stop(job_id, starts, f"a bug: {type(error).__name__}; the worker's log holds the traceback")

    def _take(self, job_id: str, starts: int, lane: int, turn: int) -> None:
        with self._database.session() as session:
            job = session.get(Job, job_id)
            if job is None or not _is_due(job, starts):
                return
            if job.state == JobState.QUEUED:
                session.execute(
                    update(Job)
                    .where(Job.id == job_id, Job.state == JobState.QUEUED.value)
                    .values(state=JobState.RUNNING.value, started_at=job.started_at or now())
                )
            may_spend = left(session, job)
        if may_spend.is_spent:
            self._stop(job_id, starts, may_spend.reason)
            return
        spending = Spending(may_spend.budget)
        bill = Bill(self._database, job, spending)
        try:
            is_over = self._judge_for_a_while(job, starts, lane, may_spend, spending, bill)
        finally:
            patient(bill.settle)
        if is_over:
            return
        with self._database.session() as session:
            job = session.get(Job, job_id)
            if job is not None and _is_due(job, starts):
                self._line.put(session, job, lane, turn + 1, has_budget(session, job))

    def _judge_for_a_while(
        self, job: Job, starts: int, lane: int, may_spend: Left, spending: Spending, bill: Bill
    ) -> bool:
        """Judge chunks for some seconds; return whether no further turn is wanted."""
        config = JudgeConfig.model_validate(job.judges).model_copy(update={"budget": may_spend.budget})
        with members(config, self._rollout, ledger=self._ledger, spending=spending) as asked:
            panel = assemble(asked, config, skipped=_ignore, say=_LOG.warning)
            end, last, size = time.monotonic() + self._seconds, -1, _size(config)
            while time.monotonic() < end and not self._ending.is_set():
                items = self._next(job, starts, lane, last, size)
                if not items:
                    self._finish(job.id, starts)
                    return True
                unasked = self._judge(job, starts, items, panel, asked, spending, bill)
                if unasked and not self._ending.is_set():
                    self._stop(job.id, starts, may_spend.why(spending) if spending.is_spent else unasked)
                    return True
                last = items[-1].number
        return False

    def _next(self, job: Job, starts: int, lane: int, last: int, size: int) -> Sequence[Item]:
        """The next chunk without verdicts; none where the job was stopped meanwhile."""
        with self._database.session() as session:
            fresh = session.get(Job, job.id)
            if fresh is None or not _is_due(fresh, starts):
                return []
            return session.scalars(
                select(Item)
                .where(
                    Item.job_id == job.id,
                    Item.number > last,
                    Item.status.is_(None),
                    (Item.number // CHUNK) % job.lanes == lane,
                )
                .order_by(Item.number)
                .limit(size)
            ).all()

    def _judge(
        self,
        job: Job,
        starts: int,
        items: Sequence[Item],
        panel: PanelJudge,
        asked: Sequence[Member],
        spending: Spending,
        bill: Bill,
    ) -> str | None:
        """Judge a chunk and store its verdicts; return why some were not asked for, if so."""
        read = [(item, read_row(parse(item.row.encode()), item.number).case) for item in items]
        known = [(item, case) for item, case in read if case is not None]
        voters = [member.judge.name for member in asked]
        unasked: list[Verdict] = []
        since = time.monotonic()
        with closing(paced(panel.judged([case for _, case in known]), _STORED_EVERY)) as parts:
            for part in parts:
                judged: list[Judged] = []
                for place, verdict in part:
                    if is_unasked(verdict):
                        unasked.append(verdict)
                    else:
                        # One judge speaks for itself.
                        said = verdict.votes[0] if len(asked) == 1 else verdict
                        judged.append(Judged(known[place][0], said, price(verdict, asked)))
                seconds = time.monotonic() - since
                since += seconds if part else 0.0
                goes_on = self._store(bill, job, starts, judged, seconds, voters)
                if goes_on and not self._ending.is_set():
                    continue
                if not any(member.chat for member in asked):
                    return None
                # What is on its way will be paid: it is waited for, so that it need not be paid again.
                spending.end("the worker ends" if goes_on else "the job was cancelled")
        return why_unasked(unasked) or None

    def _store(
        self,
        bill: Bill,
        job: Job,
        starts: int,
        judged: Sequence[Judged],
        seconds: float,
        voters: list[str],
    ) -> bool:
        """Store verdicts; return whether the job still goes on. What was found is kept either way."""
        with bill.session() as session:
            if judged and not write(session, job, judged, seconds / len(judged), voters):
                return False
            fresh = session.get(Job, job.id)
            return fresh is not None and _is_due(fresh, starts)

    def _finish(self, job_id: str, starts: int) -> None:
        """End a job that was cancelled while its last verdicts were on their way, and then resumed."""
        with self._database.session() as session:
            session.execute(
                update(Job)
                .where(
                    Job.id == job_id,
                    Job.starts == starts,
                    Job.done == Job.items,
                    Job.state == JobState.RUNNING.value,
                )
                .values(state=JobState.DONE.value, ended_at=now())
            )

    def _stop(self, job_id: str, starts: int, reason: str) -> None:
        with self._database.session() as session:
            session.execute(
                update(Job)
                .where(Job.id == job_id, Job.starts == starts, Job.state.in_(DUE))
                .values(state=JobState.STOPPED.value, reason=reason, ended_at=now())
            )


def _size(config: JudgeConfig) -> int:
    at_once = max((one.concurrency for one in config.llms), default=0)
    return min(_LARGEST_CHUNK, max(CHUNK, _ROUNDS * at_once))


def _is_due(job: Job, starts: int) -> bool:
    return job.starts == starts and job.state in DUE


def _ignore(_: int) -> None:
    """Nobody watches a bar."""
