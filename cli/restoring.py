"""The command that restores quantized models: one, or several with several datasets."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError, InputError
from .executing import Address, Executor, opened, refuse_without_executor
from .options import Json, Set, tell

if TYPE_CHECKING:
    from ..annotate.statistics import Interval
    from ..loop.matrix_means import Mean
    from ..loop.matrix_row import Row
    from ..loop.progress import Reporter


def restore(
    model: Annotated[
        str | None,
        typer.Option(help="Quantized model: a folder, or an id on the Hub.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Released set (folder or id on the Hub), folder of a run, or file of pairs.",
            show_default=False,
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(help="Of the dataset on the Hub; the newest when left out.", show_default=False),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Its full-precision model (folder or id on the Hub), to learn its states from.",
            show_default=False,
        ),
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option(help="YAML file: several models with several datasets and seeds.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the result goes; made up from the names when left out.", show_default=False),
    ] = None,
    overrides: Set = None,
    executor: Executor = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Restore a quantized model by preference pairs, with an adapter or in place; it stays low-bit."""
    from ..loop.progress import Reporter

    if matrix is not None:
        if any(one is not None for one in (model, dataset, revision, base)):
            raise ConfigError("--matrix names models and datasets itself", hint="Leave out the others")
        cluster = (executor, address)
        _restore_matrix(matrix, out or Path("runs") / matrix.stem, overrides or [], cluster, as_json)
        return
    if executor is not None or address is not None:
        raise ConfigError("--executor, --address: one model is restored here", hint="Give a --matrix")
    if model is None or dataset is None:
        raise ConfigError("nothing to restore", hint="Give --model and --dataset, or --matrix FILE")
    _restore_one(model, dataset, revision, base, out, overrides or [], Reporter(), as_json)


def _restore_one(
    model: str,
    dataset: str,
    revision: str | None,
    base: str | None,
    out: Path | None,
    overrides: list[str],
    reporter: "Reporter",
    as_json: bool,
) -> None:
    from ..loop.config import parse_config
    from ..restore.adapter import is_adapter
    from ..restore.card import write_card
    from ..restore.config import RestoreConfig
    from ..restore.preference import train
    from ..restore.restoration import Restoration, stated_licence
    from ..restore.sources import find_checkpoint, misfits, read_source

    config = parse_config({}, RestoreConfig, "restore", [one.removeprefix("restore.") for one in overrides])
    checkpoint, commit = find_checkpoint(model)
    teacher = find_checkpoint(base).folder if base is not None else None
    origin = read_source(dataset, revision)
    if not origin.pairs:
        raise InputError(f"{dataset}: no pairs", hint="Make some with `firstfault curate`")
    warnings = misfits(origin, checkpoint)
    for warning in warnings:
        reporter.say(f"Note: {warning}")
    if teacher is None and config.target == "auto":
        reporter.say(
            "Note: given its full-precision model with --base, it learns from that too and gets more back."
        )
    name = _name(model, checkpoint)
    folder = out or Path("restored") / model.rstrip("/").rsplit("/", 1)[-1]
    steps = config.settled(teacher=teacher is not None).steps(len(origin.pairs))
    with reporter.task(f"Restoring: {name}", total=steps) as done:
        train(
            checkpoint,
            origin.pairs,
            config,
            folder,
            teacher=teacher,
            validation=origin.test,
            progress=lambda step, steps: done(1),
        )
    full = origin.made.base_model if origin.made is not None else "model"
    if base is not None and teacher is not None:
        full = _name(base, teacher)
    licence = stated_licence(*[one for one in (checkpoint, teacher) if one is not None])
    made = Restoration.of(
        origin, checkpoint=name, checkpoint_revision=commit, base=full, licence=licence, warnings=warnings
    )
    write_card(folder, made)
    result = {
        "model": name,
        "model_revision": commit,
        "pairs": len(origin.pairs),
        "dataset": origin.name,
        "revision": origin.revision,
        "sha256": origin.sha256,
        "warnings": warnings,
        "out": str(folder),
    }
    at = f" at {origin.revision}" if origin.revision else ""
    how = "with an adapter" if is_adapter(folder) else "in place"
    tell(as_json, result, f"Restored {how}, with {len(origin.pairs)} pairs of {origin.name}{at}. {folder}")


def _name(given: str, folder: Path) -> str:
    """Of a model: its id on the Hub, or its folder's name, for paths say what is nobody's business."""
    return given if folder != Path(given) else folder.resolve().name


def _restore_matrix(
    path: Path, out: Path, overrides: list[str], cluster: tuple[str | None, str | None], as_json: bool
) -> None:
    from ..loop.config import parse_config, read_yaml
    from ..loop.executors.restoring import spread_matrix
    from ..loop.matrix import restore_matrix
    from ..loop.matrix_config import MatrixConfig
    from ..loop.matrix_means import write_means
    from ..loop.progress import Reporter
    from ..loop.threads import use_threads
    from ..restore.sources import read_source

    config = parse_config(read_yaml(path), MatrixConfig, str(path), overrides).with_paths_from(path.parent)
    executor, address = cluster
    if executor in (None, "local"):
        refuse_without_executor(address, None)
        use_threads(config.threads)
        rows = restore_matrix(config, out, read_source, Reporter())
    else:
        with opened(executor, address, str(out / ".shards")) as where:
            rows = spread_matrix(config, out, read_source, Reporter(), where)
    over_seeds = write_means(rows, out)
    if as_json:
        told = {"rows": rows, "means": over_seeds}
        print(json.dumps({name: [one.model_dump(mode="json") for one in told[name]] for name in told}))
        return
    _show(rows)
    for row in rows:
        if row.is_best and row.rejected:
            print(f"Rejected: {row.model} with {row.dataset}, seed {row.seed}: {row.rejected}")
    if len(config.seeds) > 1:
        _show_means(over_seeds)
    print(f"Chosen by accuracy on validation problems; held-out ones took no part. {out}")


def _show(rows: "list[Row]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("model", "dataset"):
        table.add_column(name, overflow="fold")
    for name in ("seed", "pairs", "quantized", "restored", "recovery (95%)", "validation"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = [str(row.seed), str(row.pairs or "")]
        if row.failed is None:
            found = row.recovery
            told = _told(found) or "nothing was lost"
            cells += [_percent(row.quantized), _percent(row.restored), told, _percent(row.validation)]
            cells[-1] += " rejected" if row.rejected else ""
        else:
            cells += ["failed"]
        style = "bold" if row.is_best else "dim" if row.failed else ""
        table.add_row(Text(row.model), Text(row.dataset), *cells, style=style)
    Console().print(table)


def _show_means(means: "list[Mean]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
        title="Over seeds",
        title_justify="left",
    )
    for name in ("model", "dataset"):
        table.add_column(name, overflow="fold")
    for name in ("seeds", "pairs", "restored", "recovery (95%)", "against first", "newly broken"):
        table.add_column(name, justify="right", no_wrap=True)
    for mean in means:
        table.add_row(
            Text(mean.model),
            Text(mean.dataset),
            str(mean.seeds),
            str(mean.pairs),
            _percent(mean.restored),
            _told(mean.recovery),
            _told(mean.difference, sign="+"),
            f"{mean.broken:.1f}",
        )
    Console().print("")
    Console().print(table)


def _told(found: "Interval | None", sign: str = "") -> str:
    return f"{found.value:{sign}.2f} ({found.low:{sign}.2f} to {found.high:{sign}.2f})" if found else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
