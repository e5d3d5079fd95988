"""Verdicts of runs belong to the folder that they were read from: only who has it may forget them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TASKS = sa.table("tasks", sa.column("state", sa.String), sa.column("reason", sa.String))


def upgrade() -> None:
    """Add whose they are, nobody's where they are there already. End tasks whose lines are gone."""
    op.add_column("jobs", sa.Column("owner", sa.String(), nullable=True))
    op.execute(
        sa.update(_TASKS)
        .where(_TASKS.c.state.in_(("queued", "running")))
        .values(state="failed", reason="it waited in a line of an earlier version: start it again")
    )
