"""What a matrix says of its datasets: each one's mean over the seeds, and how it differs from the first's."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from ..annotate.statistics import Interval
from ..datasets.records import Record, Solution
from ..datasets.store import read_records, write_text
from ..restore.seeds import recovery_over_seeds
from .matrix_folder import MatrixFolder
from .matrix_row import Row


class Mean(Record):
    """One model restored with one dataset, over the seeds that came through."""

    model: str
    dataset: str
    seeds: int
    pairs: int
    restored: float
    """Mean share of the held-out problems solved."""
    recovery: Interval | None
    """Mean over seeds; the interval is of problems and seeds. `None` where quantization lost nothing."""
    difference: Interval | None
    """Of that from the first dataset's (that came through) of the same model, on the same problems."""
    broken: float
    """Mean number of held-out problems that the quantized model solved and the restored one does not."""


def means(rows: Sequence[Row], folder: MatrixFolder) -> list[Mean]:
    """Summarise a matrix's rows, in their order; datasets without a row that came through are left out.

    Raises:
        InputError: If solutions that rows speak of are missing.
    """
    found: list[Mean] = []
    through = [row for row in rows if row.failed is None]
    for model in dict.fromkeys(row.model for row in through):
        full = _solutions(folder.base(model))
        quantized = _solutions(folder.quantized(model))
        solved = {one.problem_id for one in quantized if one.correct}
        first: list[list[Solution]] | None = None
        for dataset in dict.fromkeys(row.dataset for row in through if row.model == model):
            own = [row for row in through if (row.model, row.dataset) == (model, dataset)]
            restored = [_solutions(folder.row(model, dataset, row.seed)) for row in own]
            broken = [
                [one for one in way if not one.correct and one.problem_id in solved] for way in restored
            ]
            mean = recovery_over_seeds(full, quantized, restored)
            difference = (
                None if first is None else recovery_over_seeds(full, quantized, restored, against=first)
            )
            first = restored if first is None else first
            found.append(
                Mean(
                    model=model,
                    dataset=dataset,
                    seeds=len(own),
                    pairs=own[0].pairs,
                    restored=fmean(row.restored or 0 for row in own),
                    recovery=mean.interval,
                    difference=None if difference is None else difference.interval,
                    broken=fmean(map(len, broken)),
                )
            )
    return found


def write_means(rows: Sequence[Row], out: Path) -> list[Mean]:
    """Summarise the rows of a matrix's folder, and write that beside them."""
    folder = MatrixFolder(out)
    found = means(rows, folder)
    told = [one.model_dump(mode="json") for one in found]
    write_text(folder.means, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return found


def _solutions(folder: Path) -> list[Solution]:
    return read_records(folder / "held_out.parquet", Solution)
