"""The rows of a batch restore, and which of a model's is the best.

The best row of a model is chosen by a rule that is fixed before anything is measured: the dataset with the
highest mean accuracy over its seeds on validation problems, where every seed came through; of its seeds, the
one with the highest accuracy there; ties go to fewer pairs, then to the smaller seed. Held-out problems take
no part in it. The gate comes after the choice: it may reject the best row, and puts no other in its place.
"""

import json
from collections.abc import Sequence
from statistics import fmean

from pydantic import Field

from ..annotate.statistics import Interval
from ..datasets.records import Record


class Row(Record):
    """One model restored with one dataset and seed."""

    model: str
    dataset: str
    seed: int
    pairs: int = Field(default=0, ge=0)
    revision: str | None = None
    """The commit of a set on the Hub."""
    sha256: str | None = None
    """Of the set's content."""
    warnings: tuple[str, ...] = ()
    """In what the set does not fit the model."""
    full_precision: float | None = None
    """Shares of the held-out problems solved."""
    quantized: float | None = None
    restored: float | None = None
    recovery: Interval | None = None
    """On held-out problems; `None` where quantization lost nothing, or the row failed."""
    validation: float | None = None
    """Share solved of the validation problems that are unlike those trained on: what the best row is chosen
    by."""
    seconds: float | None = None
    """Of training; `None` where it was done before the matrix was stopped."""
    failed: str | None = None
    """Why there is no result."""
    rejected: str | None = None
    """Why the restored model does not pass the gate."""
    is_best: bool = False
    """Of its model."""


def choose(rows: Sequence[Row]) -> list[Row]:
    """Mark the best row of every model; see the rule above."""
    best: list[Row] = []
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model]
        whole = [
            [row for row in own if row.dataset == name] for name in dict.fromkeys(row.dataset for row in own)
        ]
        usable = [group for group in whole if all(row.validation is not None for row in group)]
        if usable:
            group = max(usable, key=lambda group: (_mean(group), -group[0].pairs))
            best.append(max(group, key=lambda row: (row.validation or 0, -row.seed)))
    return [row.model_copy(update={"is_best": row in best}) for row in rows]


def rows_json(rows: Sequence[Row]) -> str:
    """Return what `matrix.json` holds."""
    return json.dumps([row.model_dump(mode="json") for row in rows], indent=2, ensure_ascii=False) + "\n"


def _mean(rows: Sequence[Row]) -> float:
    return fmean(row.validation or 0 for row in rows)
