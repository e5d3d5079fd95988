"""What a key has spent is kept with the key: it stays spent when its jobs are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KEYS = sa.table("keys", sa.column("id", sa.String), sa.column("spent_usd", sa.Double))
_JOBS = sa.table("jobs", sa.column("key_id", sa.String), sa.column("usd", sa.Double))


def upgrade() -> None:
    """Add it: what the jobs that are there have cost."""
    op.add_column("keys", sa.Column("spent_usd", sa.Double(), nullable=False, server_default="0"))
    spent = sa.select(sa.func.coalesce(sa.func.sum(_JOBS.c.usd), 0.0)).where(_JOBS.c.key_id == _KEYS.c.id)
    op.execute(sa.update(_KEYS).values(spent_usd=spent.scalar_subquery()))
