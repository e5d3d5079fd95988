"""API keys: made, found again by what a caller sends, revoked. Only hashes of them are kept."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ...datasets.errors import InputError
from .database import now
from .scope import Scope
from .tables import Key

_PREFIX = "ff"
LONGEST_NAME = 100


class Made(NamedTuple):
    """A new key."""

    key: Key
    secret: str
    """What the caller sends. It can't be shown again."""


def make(session: Session, name: str, scope: Scope, budget_usd: float | None = None) -> Made:
    """Make a key.

    Args:
        session: Where it is kept.
        name: For people.
        scope: What it is good for.
        budget_usd: What all that is judged for it together may cost.

    Raises:
        InputError: If that is no name.
    """
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InputError(
            f"{name[:LONGEST_NAME]!r} is no name of a key",
            hint=f"Give 1 to {LONGEST_NAME} printable characters",
        )
    identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = Key(
        id=identity,
        name=name,
        scope=scope.value,
        digest=_digest(secret),
        budget_usd=budget_usd,
        spent_usd=0.0,
        created_at=now(),
    )
    session.add(key)
    return Made(key, f"{_PREFIX}_{identity}_{secret}")


def find(session: Session, sent: str) -> Key | None:
    """Return the key that a caller sent, `None` where it is unknown or revoked."""
    prefix, _, rest = sent.partition("_")
    identity, _, secret = rest.partition("_")
    if prefix != _PREFIX or not (identity.isascii() and identity.isalnum()):
        return None
    key = session.get(Key, identity)
    if key is None or key.revoked_at is not None:
        return None
    return key if hmac.compare_digest(key.digest, _digest(secret)) else None


def left(session: Session, identity: str | None) -> float | None:
    """Return what may still be judged for a key, in US dollars; `None` where there is no limit."""
    key = session.get(Key, identity) if identity is not None else None
    return None if key is None or key.budget_usd is None else key.budget_usd - key.spent_usd


def spend(session: Session, identity: str | None, usd: float) -> None:
    """Count what was judged for a key."""
    if identity is not None and usd:
        session.execute(update(Key).where(Key.id == identity).values(spent_usd=Key.spent_usd + usd))


def allow(session: Session, identity: str, budget_usd: float | None) -> Key:
    """Change what may be judged for a key, from its making on.

    Args:
        session: Where it is kept.
        identity: Which.
        budget_usd: US dollars; `None` for no limit.

    Raises:
        InputError: If there is none of that id.
    """
    key = _of(session, identity)
    key.budget_usd = budget_usd
    return key


def revoke(session: Session, identity: str) -> Key:
    """Make a key worthless from now on.

    Raises:
        InputError: If there is none of that id.
    """
    key = _of(session, identity)
    if key.revoked_at is None:
        key.revoked_at = now()
    return key


def listed(session: Session) -> Sequence[Key]:
    """Return all keys, revoked ones too, oldest first."""
    return session.scalars(select(Key).order_by(Key.created_at, Key.id)).all()


def _of(session: Session, identity: str) -> Key:
    key = session.get(Key, identity)
    if key is None:
        raise InputError(f"no key {identity!r}", hint="`firstfault key list` shows them")
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
