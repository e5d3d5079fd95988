"""The restored model of a run: its card, and what is published of it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.card import title
from ..datasets.errors import InputError
from ..datasets.records import Split
from ..restore.card import TRAINING, write_card
from ..restore.gate import read_gate
from ..restore.release import CONFIG
from ..restore.restoration import Measured, Restoration, read_restoration, stated_licence
from ..restore.sources import read_source
from .config import RunConfig
from .folder import FULL_PRECISION, RunFolder
from .models import Models, restored_name
from .release import check_reviews, reviewer_names
from .tuning import format_tuned


class RestoredModel(NamedTuple):
    """A restored model, and what may not be published with it."""

    folder: Path
    """Of the adapter, or of the checkpoint that was restored in place."""
    made: Restoration
    names: tuple[str, ...] = ()
    """Names that reviewers go by in its run."""


def describe(config: RunConfig, folder: RunFolder) -> None:
    """Write the card of a run's restored model, once its solutions are there."""
    write_card(folder.restored(config.main.name), _restoration(config, folder))


def find_restored(path: Path, *, of_run: bool = False) -> RestoredModel | None:
    """Find the restored model that a folder is, or that is in it.

    Args:
        path: Folder of an adapter, or of a checkpoint restored in place, as `restore`, a matrix or a run
            writes it; or of a run.
        of_run: Whether the folder is a run whose restored model is meant.

    Returns:
        The model; `None` if the folder is none and none of a run is meant.

    Raises:
        InputError: If it is not described, not there yet, or several are.
    """
    whole = path.resolve()
    if _is_restored(path):
        run = RunFolder(whole.parent.parent)
        if whole != run.restored(whole.name) or not run.config_path.is_file():
            return RestoredModel(path, read_restoration(path))
        return _of_run(run)
    if (path / "matrix.json").is_file():
        raise InputError(f"{path}: holds several restored models", hint=_one_of(path))
    return _of_run(RunFolder(path)) if of_run else None


def _of_run(folder: RunFolder) -> RestoredModel:
    config = folder.read_config()
    name = config.main.name
    model = folder.restored(name)
    if not _is_restored(model):
        raise InputError(
            f"{folder.path}: nothing is restored yet",
            hint="Finish the run first: `firstfault run` goes on with it.",
        )
    check_reviews(folder, name)
    return RestoredModel(model, _restoration(config, folder), reviewer_names(folder, name))


def _restoration(config: RunConfig, folder: RunFolder) -> Restoration:
    name = config.main.name
    models = Models(config, folder)
    base = models.base
    parts = [FULL_PRECISION, name, restored_name(name)]
    known = all(folder.solutions_path(part, Split.HELD_OUT).is_file() for part in parts)
    # A run's folder may be called anything, by anybody.
    origin = read_source(str(folder.path))._replace(name=title(base.name, name))
    return Restoration.of(
        origin,
        checkpoint=name,
        base=base.name,
        format_tuned=format_tuned(folder),
        licence=stated_licence(models.original),
        measured=Measured.of(*(folder.solutions(part, Split.HELD_OUT) for part in parts)) if known else None,
        gate=read_gate(folder.restored(name)),
    )


def _is_restored(folder: Path) -> bool:
    return (folder / CONFIG).is_file() or (folder / TRAINING).is_file()


def _one_of(matrix: Path) -> str:
    try:
        rows: list[dict[str, Any]] = json.loads((matrix / "matrix.json").read_text(encoding="utf-8"))
        best = next(row for row in rows if row["is_best"])
        where = matrix / best["model"] / best["dataset"] / f"seed-{best['seed']}" / "adapter"
        return f"Give one, such as the best of {best['model']}: {where}"
    except (ValueError, KeyError, TypeError, StopIteration):
        return f"Give one: {matrix / 'MODEL' / 'DATASET' / 'seed-N' / 'adapter'}"
