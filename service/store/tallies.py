"""Counts that only grow, kept in the database: several processes judge, and one shows the metrics."""

import json
from collections import Counter
from collections.abc import Mapping

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from .tables import Tally

VERDICTS = "verdicts"
SECONDS = "seconds"
JUDGED = "judged"
USD = "usd"
TOKENS = "tokens"
PANELS = "panels"
BUCKET = "bucket"
BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
"""Upper bounds of the time that a verdict takes, in seconds."""


class Counts(Counter[tuple[str, str]]):
    """What is to be added to the counts."""

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        """Add to one."""
        self[metric, json.dumps(labels, sort_keys=True)] += value  # pyright: ignore[reportArgumentType]


def add(session: Session, counts: Mapping[tuple[str, str], float]) -> None:
    """Add to the counts, in the transaction of what is counted."""
    if not counts:
        return
    made = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # In one order always: two transactions that count the same must not wait for each other.
    rows = [
        {"metric": metric, "labels": labels, "value": float(value)}
        for (metric, labels), value in sorted(counts.items())
    ]
    statement = made(Tally).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["metric", "labels"], set_={"value": Tally.value + statement.excluded.value}
        )
    )
