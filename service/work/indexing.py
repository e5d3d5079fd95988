"""Runs' verdicts in the database, where they are found like those of jobs."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from ...annotate.reviews import overrule
from ...datasets.errors import FirstFaultError
from ...datasets.records import Pair, Review, Verdict, VerdictStatus
from ...datasets.store import read_records, sendable
from ...judge.case import Case
from ...loop.folder import RunFolder
from ...loop.stages import wrong_cases
from ..store.database import Database, now
from ..store.tables import Item, Job, Vote
from ..store.verdicts import columns, vote_rows
from .mark import MARK
from .runs import Part, Runs, stamp
from .states import JobState

_BATCH = 1000
_LOG = logging.getLogger(__name__)


class _Found(NamedTuple):
    case: Case
    judged: Verdict
    """What the judges said."""
    verdict: Verdict
    """What counts: people's where they settled it."""
    context: dict[str, Any]


class Index:
    """Brings the runs' verdicts into the database, and again when their files change.

    Args:
        database: The service's.
        runs: Which.
    """

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs
        self._unreadable: dict[str, str] = {}
        self._left: set[Part] = set()

    def refresh(self) -> None:
        """Read what has changed; forget what is gone from this very folder.

        A run that can't be read is left out, and so is one whose name a run of another folder has; both are
        logged.
        """
        parts = {job_id(part): part for name in self._runs.names() for part in self._runs.parts(name)}
        # After those: if it is there now, so it was when they were looked for.
        mark = self._runs.mark()
        known = self._known()
        if mark is not None:
            self._forget([one for one, (_, owner) in known.items() if owner == mark and one not in parts])
        for identity, part in parts.items():
            folder = self._runs.find(part.run)
            if folder is None:
                continue
            read, owner = known.get(identity, (None, None))
            if owner not in (None, mark):
                self._leave(part, owner)
                continue
            state = stamp(folder, part)
            if (read, owner) == (state, mark) or self._unreadable.get(identity) == state:
                continue
            try:
                found = _read(folder, part)
            except (FirstFaultError, KeyError, ValueError, OSError) as error:
                # While a run writes one file after the other, they may not fit yet.
                _LOG.warning("run %s, %s: %s", part.run, part.name, error)
                self._unreadable[identity] = state
                continue
            with self._database.session() as session:
                _write(session, identity, part, state, mark, found)

    def _known(self) -> dict[str, tuple[str | None, str | None]]:
        """Stamps and owners of what is there, by its id."""
        with self._database.session() as session:
            rows = session.execute(select(Job.id, Job.stamp, Job.owner).where(Job.run.is_not(None))).all()
            return {row[0]: (row[1], row[2]) for row in rows}

    def _forget(self, gone: Sequence[str]) -> None:
        if gone:
            with self._database.session() as session:
                session.execute(delete(Job).where(Job.id.in_(gone)))

    def _leave(self, part: Part, owner: str | None) -> None:
        if part not in self._left:
            self._left.add(part)
            _LOG.warning(
                "run %s, %s: left out, another folder has one of that name. If this is that folder, write %s"
                " into its %s",
                part.run,
                part.name,
                owner,
                MARK,
            )


def job_id(part: Part) -> str:
    """Return the id under which a part of a run stands among the jobs."""
    return f"r-{hashlib.sha256(repr(tuple(part)).encode()).hexdigest()[:16]}"


def _read(folder: RunFolder, part: Part) -> list[_Found]:
    cases = wrong_cases(folder, part.model, part.split)
    judged = read_records(folder.verdicts_path(part.model, part.split), Verdict)
    reviews = folder.reviews(part.model, part.split)
    said: defaultdict[str, list[Review]] = defaultdict(list)
    for review in reviews:
        said[review.solution_id].append(review)
    pairs = {
        pair.solution_id: pair
        for path in (folder.pairs_path(part.model), folder.test_pairs_path(part.model))
        if path.is_file()
        for pair in read_records(path, Pair)
    }
    found: list[_Found] = []
    for case, one, verdict in zip(cases, judged, overrule(judged, reviews), strict=True):
        if case.solution.id != one.solution_id:
            raise ValueError(f"the verdict on {one.solution_id} has no solution")
        pair = pairs.get(case.solution.id)
        context: dict[str, Any] = {"reviews": [_dumped(review) for review in said[case.solution.id]]}
        if case.full_precision is not None:
            context["full_precision"] = _dumped(case.full_precision)
        if pair is not None:
            context["pair"] = _dumped(pair)
        found.append(_Found(case, one, verdict, context))
    return found


def _dumped(record: Any) -> dict[str, Any]:
    return record.model_dump(mode="json")


def _write(
    session: Session, identity: str, part: Part, state: str, mark: str | None, found: Sequence[_Found]
) -> None:
    counts = {status.value: sum(one.verdict.status is status for one in found) for status in VerdictStatus}
    voters = sorted({vote.judge for one in found for vote in (one.judged, *one.judged.votes)})
    job = session.get(Job, identity)
    if job is None:
        job = Job(id=identity, lanes=1, starts=1, rejected=0, usd=0.0, created_at=now())
        session.add(job)
    job.name, job.panel, job.judges, job.run = part.name, "", {}, part.run
    job.owner = mark
    job.state, job.ended_at, job.stamp, job.voters = JobState.DONE.value, now(), state, voters
    job.items = job.done = len(found)
    for status, count in counts.items():
        setattr(job, status, count)
    session.flush()
    names = list(session.scalars(select(Item.name).where(Item.job_id == identity).order_by(Item.number)))
    ids = [one.case.solution.id for one in found]
    if names and names != ids:
        session.execute(delete(Item).where(Item.job_id == identity))
        names = []
    for start in range(0, len(found), _BATCH):
        rows = [
            _row(identity, number, one) for number, one in enumerate(found[start : start + _BATCH], start)
        ]
        if not names:
            session.execute(insert(Item), rows)
        else:
            # In their places: addresses that people share stay good.
            _renew(session, rows)
    _renew_votes(session, identity, found)


def _row(identity: str, number: int, one: _Found) -> dict[str, Any]:
    solution = one.case.solution.model_dump(mode="json")
    row = {**solution, "problem": one.case.problem.model_dump(mode="json")}
    return {
        "job_id": identity,
        "number": number,
        "name": one.case.solution.id,
        "row": _text(row),
        "context": _text(one.context),
        **columns(one.verdict, None, one.judged.votes),
    }


def _renew(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    table: Any = Item.__table__
    names = [name for name in rows[0] if name not in ("job_id", "number")]
    session.connection().execute(
        update(table)
        .where(table.c.job_id == bindparam("old_job"), table.c.number == bindparam("old_number"))
        .values({name: bindparam(f"new_{name}") for name in names}),
        [
            {"old_job": row["job_id"], "old_number": row["number"], **{f"new_{n}": row[n] for n in names}}
            for row in rows
        ],
    )


def _renew_votes(session: Session, identity: str, found: Sequence[_Found]) -> None:
    mine = select(Item.id).where(Item.job_id == identity)
    session.execute(delete(Vote).where(Vote.item_id.in_(mine)))
    rows: list[dict[str, Any]] = []
    for item, one in zip(session.scalars(mine.order_by(Item.number)), found, strict=True):
        rows += vote_rows(item, one.judged.votes or (one.judged,))
    if rows:
        session.execute(insert(Vote), rows)


def _text(value: dict[str, Any]) -> str:
    # PostgreSQL's text holds no NUL; as a JSON escape it stays what it was.
    return sendable(value).decode()
