"""The audit log: who changed what, written by the transaction that changes it."""

from sqlalchemy.orm import Session

from .database import now
from .tables import Change


def note(session: Session, key_id: str | None, action: str, target: str, **detail: object) -> None:
    """Write an entry.

    Args:
        session: Of the change.
        key_id: Whose key it was; `None` where none was needed.
        action: E.g. `job.create`.
        target: Id of what was changed.
        detail: More, as JSON.
    """
    session.add(Change(at=now(), key_id=key_id, action=action, target=target, detail=detail))
