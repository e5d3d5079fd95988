"""Runs: what they know of a solution, the votes on it, and the tasks that were started on them."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BATCH = 1000
_ITEMS = sa.table(
    "items",
    sa.column("id", sa.BigInteger),
    sa.column("verdict", sa.Text),
    sa.column("judge", sa.String),
    sa.column("disagree", sa.Boolean),
    sa.column("rationale", sa.Text),
)
_VOTES = sa.table(
    "votes",
    sa.column("item_id", sa.BigInteger),
    sa.column("place", sa.Integer),
    sa.column("judge", sa.String),
    sa.column("status", sa.String),
    sa.column("first_fault", sa.Integer),
    sa.column("error_type", sa.String),
)


def upgrade() -> None:
    """Add them, and fill in what can be told of verdicts that are there."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["keys.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tasks_run", "tasks", ["run", "created_at"], unique=False)
    op.create_table(
        "votes",
        sa.Column("item_id", _SERIAL, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("judge", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("first_fault", sa.Integer(), nullable=True),
        sa.Column("error_type", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_id", "place"),
    )
    op.create_index("ix_votes_judge", "votes", ["judge", "item_id"], unique=False)
    op.add_column("items", sa.Column("rationale", sa.Text(), nullable=True))
    op.add_column("items", sa.Column("judge", sa.String(), nullable=True))
    op.add_column("items", sa.Column("disagree", sa.Boolean(), nullable=True))
    op.add_column("items", sa.Column("context", sa.Text(), nullable=True))
    op.create_index("ix_items_disagree", "items", ["disagree", "id"], unique=False)
    op.add_column("jobs", sa.Column("voters", sa.JSON(), nullable=True))
    op.add_column("jobs", sa.Column("run", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("stamp", sa.String(), nullable=True))
    op.create_index(op.f("ix_jobs_run"), "jobs", ["run"], unique=False)
    _fill()


def _fill() -> None:
    connection = op.get_bind()
    last = 0
    while rows := connection.execute(
        sa.select(_ITEMS.c.id, _ITEMS.c.verdict)
        .where(_ITEMS.c.id > last, _ITEMS.c.verdict.is_not(None))
        .order_by(_ITEMS.c.id)
        .limit(_BATCH)
    ).all():
        items: list[dict[str, object]] = []
        votes: list[dict[str, object]] = []
        for number, text in rows:
            verdict = json.loads(text)
            said = verdict["votes"]
            usable = {
                (vote["status"], vote["first_fault"])
                for vote in said
                if vote["status"] in ("faulty", "clean")
            }
            items.append(
                {
                    "key": number,
                    "new_judge": verdict["judge"],
                    "new_disagree": len(usable) > 1,
                    "new_rationale": (verdict["rationale"] or verdict["reason"] or "").replace(
                        "\0", "\ufffd"
                    ),
                }
            )
            votes += [
                {"item_id": number, "place": place}
                | {name: vote[name] for name in ("judge", "status", "first_fault", "error_type")}
                for place, vote in enumerate(said)
            ]
        connection.execute(
            sa.update(_ITEMS)
            .where(_ITEMS.c.id == sa.bindparam("key"))
            .values(
                judge=sa.bindparam("new_judge"),
                disagree=sa.bindparam("new_disagree"),
                rationale=sa.bindparam("new_rationale"),
            ),
            items,
        )
        if votes:
            connection.execute(sa.insert(_VOTES), votes)
        last = rows[-1].id
