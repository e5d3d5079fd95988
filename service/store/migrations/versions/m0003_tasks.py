"""Tasks that are asked for twice at the same time are one; they know the line that they wait in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what tells them apart, and their line; those that are there stay as they are."""
    op.add_column("tasks", sa.Column("line", sa.String(), nullable=True))
    op.add_column("tasks", sa.Column("digest", sa.String(), nullable=True))
    op.create_index(
        "ix_tasks_waiting",
        "tasks",
        ["run", "action", "digest"],
        unique=True,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
