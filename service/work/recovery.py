"""What is due and in no line: whatever it was that took it out, it is put in line again."""

from sqlalchemy import select, update

from ..store.database import Database
from ..store.tables import Job, Task
from .budgets import has_budget
from .queue import Line
from .states import DUE, OPEN


def recover(database: Database, line: Line) -> int:
    """Put jobs and tasks that nobody would ever get to in line; return how many.

    What ends puts what follows in line before, so in between there is nothing that would be found by mistake.
    """
    with database.session() as session:
        jobs = session.execute(select(Job.id, Job.starts).where(Job.state.in_(DUE), Job.run.is_(None))).all()
        tasks = session.scalars(select(Task.id).where(Task.state.in_(OPEN))).all()
    if not jobs and not tasks:
        return 0
    # After those: what has been put in line since is no matter.
    in_line = line.names()
    lost_jobs = [(job, starts) for job, starts in jobs if (job, str(starts)) not in in_line]
    lost_tasks = [task for task in tasks if (task, "") not in in_line]
    return sum(_again(database, line, *one) for one in lost_jobs) + sum(
        _task_again(database, line, task) for task in lost_tasks
    )


def _again(database: Database, line: Line, job_id: str, starts: int) -> bool:
    with database.session() as session:
        changed = session.execute(
            update(Job)
            .where(Job.id == job_id, Job.starts == starts, Job.state.in_(DUE))
            .values(starts=Job.starts + 1)
            .returning(Job.id)
        ).all()
        if changed:
            job = session.get_one(Job, job_id, populate_existing=True)
            line.start(session, job, has_budget(session, job))
        return bool(changed)


def _task_again(database: Database, line: Line, task_id: str) -> bool:
    with database.session() as session:
        task = session.get(Task, task_id)
        if task is None or task.state not in OPEN or task.line is None:
            return False
        line.put_task(session, task, again=True)
        return True
