"""Batch restore as work for an executor: one row at a time on one accelerator, wherever one is free.

A row's files lie in the folder of the matrix, which all machines reach: that is what is gone on with, so
that shards are only how a row comes back.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...datasets.records import Record
from ...datasets.store import write_text
from ..matrix import Matrix, ReadSource
from ..matrix_config import MatrixConfig
from ..matrix_folder import MatrixFolder
from ..matrix_row import Row, choose, rows_json
from ..progress import Reporter
from ..threads import use_threads
from .executor import Do, Done, Executor, Work, shards_of
from .shards import Item, R, Shard


@dataclass(frozen=True)
class _Restoring:
    config: MatrixConfig
    out: Path
    """On all machines."""

    wants_accelerator = True

    @property
    def processors(self) -> int:
        """Threads that it computes with."""
        return self.config.threads

    def described(self) -> object:
        """All that its results depend on."""
        return self.config.model_dump(mode="json")

    def matrix(self) -> Matrix:
        """Read the problems that all rows share."""
        use_threads(self.config.threads)
        return Matrix(self.config, MatrixFolder(self.out), Reporter())


class Compared(Record):
    """A model whose solutions before restoring are there."""

    model: str


@dataclass(frozen=True)
class Compare(_Restoring):
    """Has models solve the problems before they are restored: what their rows are compared with."""

    kind = Compared

    @contextmanager
    def opened(self) -> Generator[Do[Compared]]:
        """Read the problems."""
        matrix = self.matrix()
        models = {model.name: model for model in self.config.models}

        def do(items: Sequence[Item]) -> Done[Compared]:
            for item in items:
                matrix.compare(models[item["model"]])
            return Done([Compared(model=item["model"]) for item in items])

        yield do


@dataclass(frozen=True)
class RestoreRows(_Restoring):
    """Restores and measures rows."""

    read: ReadSource

    kind = Row

    @contextmanager
    def opened(self) -> Generator[Do[Row]]:
        """Read the problems."""
        matrix = self.matrix()
        models = {model.name: model for model in self.config.models}
        datasets = {dataset.name: dataset for dataset in self.config.datasets}

        def do(items: Sequence[Item]) -> Done[Row]:
            return Done(
                [
                    matrix.row(models[one["model"]], datasets[one["dataset"]], one["seed"], self.read)
                    for one in items
                ]
            )

        yield do


def spread_matrix(
    config: MatrixConfig, out: Path, read: ReadSource, reporter: Reporter, executor: Executor
) -> list[Row]:
    """Restore and measure every row that has no result yet, on the machines of an executor.

    Args:
        config: What to restore with what.
        out: Folder of the results, which all machines reach by the same path.
        read: Gets a dataset's pairs; it is pickled.
        reporter: Where progress is shown.
        executor: Where.

    Returns:
        What `restore_matrix` returns, which here goes on with the same folder.

    Raises:
        ConfigError: If the folder holds another matrix.
        FirstFaultError: If the problems or a base model can't be used.
    """
    folder = MatrixFolder(out.resolve())
    folder.claim(config)
    models = [[{"model": model.name}] for model in config.models]
    rows = [
        [{"model": model.name, "dataset": dataset.name, "seed": seed}]
        for model in config.models
        for dataset in config.datasets
        for seed in config.seeds
    ]
    # First, since several rows at a time would write the same files.
    with reporter.task("Solving with models before they are restored", total=len(models)) as done:
        _all(executor, "compare", Compare(config, folder.path), models, done)
    with reporter.task("Restoring", total=len(rows)) as done:
        made = choose(_all(executor, "rows", RestoreRows(config, folder.path, read), rows, done))
    write_text(folder.rows, rows_json(made))
    for row in made:
        if row.failed is not None:
            reporter.say(f"{row.model} with {row.dataset}, seed {row.seed}: failed: {row.failed}")
    return made


def _all(
    executor: Executor, stage: str, work: Work[R], cuts: Iterable[Sequence[Item]], done: Callable[[int], None]
) -> list[R]:
    """Have everything done anew: whoever does it finds in the folder what need not be done."""
    shards = shards_of(executor, stage, work.kind)
    shards.remove()
    found: list[Shard] = []
    for shard in executor.map(stage, work, cuts):
        done(shard.size)
        found.append(shard)
    records = [record for shard in sorted(found) for record in shards.read(shard)]
    shards.remove()
    return records
