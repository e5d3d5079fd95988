"""The database: brought up to date, safe under a crash, and with an owner in it."""

import json
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
from argilla_server.contexts import accounts
from argilla_server.database import ALEMBIC_CONFIG_FILE, AsyncSessionLocal, async_engine
from argilla_server.enums import UserRole
from argilla_server.models import User, Workspace
from sqlalchemy import event

WORKSPACE = "review"


@event.listens_for(async_engine.sync_engine, "connect")
def _write_ahead(connection: Any, _: Any) -> None:
    """Readers go on while somebody writes, and what was accepted survives a crash.

    `synchronous` stays at SQLite's default, FULL: an accepted answer also survives a power cut.
    """
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def migrate() -> None:
    """Make the tables, or change those of an older version."""
    config = alembic.config.Config(ALEMBIC_CONFIG_FILE)
    alembic.command.upgrade(config, "head")


async def ensure_owner(credentials: Path) -> None:
    """See that the owner can log in with what the file says, and that there is a workspace.

    An owner whose file was lost and made anew gets the new password and key.
    """
    wanted = json.loads(credentials.read_text(encoding="utf-8"))
    async with AsyncSessionLocal() as db:
        owner = await User.get_by(db, username=wanted["username"])
        if owner is None:
            await User.create(
                db,
                first_name=wanted["username"],
                username=wanted["username"],
                role=UserRole.owner,
                password_hash=accounts.hash_password(wanted["password"]),
                api_key=wanted["api_key"],
            )
        elif owner.api_key != wanted["api_key"]:
            owner.api_key = wanted["api_key"]
            owner.password_hash = accounts.hash_password(wanted["password"])
            await db.commit()
        if await Workspace.get_by(db, name=WORKSPACE) is None:
            await Workspace.create(db, name=WORKSPACE)
