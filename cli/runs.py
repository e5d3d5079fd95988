"""Commands about whole runs: start or resume one, show its result."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError
from .executing import Address, Executor, ShardsAt, opened, refuse_without_executor
from .options import Json, Set, tell

if TYPE_CHECKING:
    from ..loop.config import RunConfig
    from ..loop.executors.executor import Executor as ExecutorContract
    from ..loop.report import Report

RunPath = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]


def quickstart(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/quickstart"),
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Measure, locate, curate and restore on the bundled model: minutes, no downloads, no keys."""
    from ..loop.config import QUICKSTART, read_config

    _run(read_config(QUICKSTART, overrides or ()), out, as_json, command=_command())


def run(
    config: Annotated[Path, typer.Argument(help="YAML configuration.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; runs/NAME of the file when left out.", show_default=False),
    ] = None,
    overrides: Set = None,
    until: Annotated[
        str | None, typer.Option(help="Last stage to do, e.g. curate; all when left out.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without a budget.")] = False,
    executor: Executor = None,
    address: Address = None,
    shards: ShardsAt = None,
    as_json: Json = False,
) -> None:
    """Run a configuration, or go on with it: the same command resumes."""
    from ..datasets.records import content_id
    from ..loop.config import read_config

    read = read_config(config, overrides or ())
    for member in read.judge.llms:
        if not (yes or member.is_local or read.judge.budget.usd or read.judge.budget.tokens):
            raise ConfigError(
                f"judge.budget: none, and asking {member.model} may cost money",
                hint="Set one, e.g. --set judge.budget.usd=5, or say --yes",
            )
    out = out or Path("runs") / config.stem
    # Who goes on with a run by its own folder has not made it so.
    command = "" if config.resolve() == (out / "config.yaml").resolve() else _command()
    if executor in (None, "local"):
        refuse_without_executor(address, shards)
        _run(read, out, as_json, until, command=command)
        return
    # Of several runs with one place, each has a folder of its own there.
    own = content_id("run", str(out.resolve()))
    place = f"{shards.rstrip('/')}/{own}" if shards else str(out / "work" / "shards")
    with opened(executor, address, place) as where:
        _run(read, out.resolve(), as_json, until, where, command=command)


def report(path: RunPath, as_json: Json = False) -> None:
    """Write report.html and report.json of a run anew."""
    from ..loop.folder import RunFolder
    from ..loop.report_file import write_report
    from ..loop.summary import summarise

    folder = RunFolder(path)
    made = summarise(folder.read_config(), folder, command=_command())
    write_report(made, path)
    _show(made, path, as_json)


def show(path: RunPath, as_json: Json = False) -> None:
    """Show the result of a run in the terminal."""
    from ..loop.report_file import read_report

    _show(read_report(path), path, as_json)


def _run(
    config: "RunConfig",
    out: Path,
    as_json: bool,
    until: str | None = None,
    executor: "ExecutorContract | None" = None,
    *,
    command: str,
) -> None:
    from ..loop.run import run as run_loop

    made = run_loop(config, out, command=command, until=until, executor=executor)
    if made is not None:
        _show(made, out, as_json)
    else:
        tell(as_json, {"out": str(out), "until": until}, f"Done until {until}; nothing to report yet. {out}")


def _show(made: "Report", path: Path, as_json: bool) -> None:
    from rich.console import Console

    from ..loop.report_file import HTML_NAME, figures
    from ..loop.terminal import show as show_report

    if as_json:
        print(json.dumps(figures(made), indent=2, ensure_ascii=False))
    else:
        show_report(made, Console(), html=path / HTML_NAME)


def _command() -> str:
    return shlex.join(["firstfault", *sys.argv[1:]])
