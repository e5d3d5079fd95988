"""Signs of life: which workers there are, by the database's clock."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from .database import Database
from .tables import Worker

_LOST = timedelta(seconds=30)
"""After so long without a sign of life a worker counts as gone."""


def give_sign(database: Database, session: Session, name: str) -> None:
    """Say that a worker lives."""
    made = postgresql.insert if not database.is_sqlite else sqlite.insert
    statement = made(Worker).values(name=name, seen_at=database.time(session))
    # In one statement: another may forget us at this moment, when we have been silent for long.
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"seen_at": statement.excluded.seen_at})
    )


def living(database: Database, session: Session) -> list[str]:
    """Name the workers that have given a sign of life lately."""
    since = database.time(session) - _LOST
    return list(session.scalars(select(Worker.name).where(Worker.seen_at > since)))


def forget_lost(database: Database, session: Session) -> None:
    """Forget workers that have been silent for long; one that comes back says so."""
    session.execute(delete(Worker).where(Worker.seen_at <= database.time(session) - _LOST))


def forget(session: Session, name: str) -> None:
    """Forget a worker that ends."""
    session.execute(delete(Worker).where(Worker.name == name))
