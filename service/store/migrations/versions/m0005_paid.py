"""Jobs know what tokens were paid for them; in SQLite the id of a solution that is gone is no other's."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tokens; SQLite makes the table of solutions anew, since nothing else changes how it numbers."""
    op.add_column("jobs", sa.Column("tokens", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("items", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
