"""The commands that run the service: its web server, and workers."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError
from .options import Json, tell, tell_aside
from .signals import terminating

if TYPE_CHECKING:
    from types import ModuleType

    from ..service.config import ServiceConfig
    from ..service.serving import Place

Data = Annotated[Path, typer.Option(help="Folder where the service keeps what it knows.")]
Db = Annotated[
    str | None,
    typer.Option(
        envvar="FIRSTFAULT_DB",
        help="postgresql://USER:PASSWORD@HOST/NAME instead of a file in --data.",
        show_default=False,
        show_envvar=False,
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML file with panels and limits.", show_default=False)
]
RunsFolder = Annotated[Path, typer.Option("--runs", help="Folder of the runs to show and work on.")]
DATA = Path("firstfault-data")
RUNS = Path("runs")
_MOST = 4
_LOCAL = ("127.", "::1")


def serve(
    data: Data = DATA,
    db: Db = None,
    config: ConfigFile = None,
    runs: RunsFolder = RUNS,
    host: Annotated[str, typer.Option(help="Interface; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8400,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=256,
            help="Worker processes; 0 where they run elsewhere.",
            show_default="one per core, 4 at most",
        ),
    ] = None,
    require_keys: Annotated[
        bool, typer.Option("--require-keys", help="Ask for API keys on 127.0.0.1 too, e.g. behind a proxy.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge over HTTP: run the API and its workers on this machine, until Ctrl-C."""
    from ..annotate.listening import address_of, listen

    serving = service()
    read = _read(config)
    place = serving.Place(data, db, runs)
    count = workers if workers is not None else min(_MOST, os.cpu_count() or 1)
    with terminating(), listen(host, port) as bound:
        is_local = bound.getsockname()[0].startswith(_LOCAL)
        needs_keys = require_keys or not is_local
        if needs_keys:
            _refuse_without_keys(place)
        url = address_of(bound)

        def ready() -> None:
            who = "every caller needs an API key" if needs_keys else "only this machine can call"
            tell(
                as_json,
                {"url": url, "data": str(data), "needs_keys": needs_keys, "workers": count},
                f"firstfault serves at {url} ({who}). The API: {url}/openapi.json. Ctrl-C stops it.",
            )
            if not is_local:
                tell_aside("Other machines can reach it, unencrypted: put a proxy with TLS before it.")

        # The usual end of a server is no failure.
        with suppress(KeyboardInterrupt):
            serving.serve(place, read, config, bound, workers=count, needs_keys=needs_keys, ready=ready)
        tell_aside(f"Stopped. Everything is kept in {data if db is None else 'the database'}.")


def worker(
    data: Data = DATA,
    db: Db = None,
    config: ConfigFile = None,
    runs: RunsFolder = RUNS,
    name: Annotated[
        str | None,
        typer.Option(
            help="Of this worker alone. One that comes back under its name goes on at once.",
            show_default="the machine's and its process's: HOST-PID",
        ),
    ] = None,
    ends_with_stdin: Annotated[bool, typer.Option("--ends-with-stdin", hidden=True)] = False,
) -> None:
    """Work jobs off beside `firstfault serve`, on this machine or, with PostgreSQL, on another."""
    serving = service()
    from ..service.store.database import Database
    from ..service.work.worker import work

    place = serving.Place(data, db, runs)
    read = _read(config)
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    database = Database(place.url)
    try:
        database.migrate()
        work(
            database,
            read,
            place.ledger,
            place.runs,
            place.logs,
            name,
            lambda: tell_aside(f"Worker {name} works."),
            ends_with_stdin=ends_with_stdin,
        )
    finally:
        database.close()


def service() -> "ModuleType":
    """Import the service.

    Raises:
        ConfigError: If its libraries are not installed.
    """
    try:
        from ..service import serving
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the service needs {error.name}", hint="pip install 'firstfault[service]'"
        ) from None
    return serving


def _read(path: Path | None) -> "ServiceConfig":
    from ..loop.config import parse_config, read_yaml
    from ..service.config import ServiceConfig

    if path is None:
        return ServiceConfig()
    config = parse_config(read_yaml(path), ServiceConfig, str(path)).with_paths_from(path.parent)
    config.check()
    return config


def _refuse_without_keys(place: "Place") -> None:
    from ..service.store.database import Database
    from ..service.store.keys import listed

    database = Database(place.url)
    try:
        database.migrate()
        with database.session() as session:
            if any(key.revoked_at is None for key in listed(session)):
                return
    finally:
        database.close()
    raise ConfigError(
        "every caller needs an API key, and there is none",
        hint="Make one first: firstfault key create NAME --scope admin",
    )
