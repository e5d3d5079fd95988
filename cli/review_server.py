"""The command that runs an Argilla server."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json, tell
from .signals import terminating

if TYPE_CHECKING:
    from ..annotate.argilla.server.folder import DataFolder
    from ..annotate.argilla.server.process import Server
    from ..loop.progress import Reporter


def serve(
    data: Annotated[Path, typer.Option(help="Where it keeps everything.")] = Path("argilla-data"),
    host: Annotated[str, typer.Option(help="Interface; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 6900,
    as_json: Json = False,
) -> None:
    """Run a real Argilla with its web page on this machine, until Ctrl-C.

    The first time, it installs Argilla's server into an environment of its own.
    """
    from ..annotate.argilla.server.folder import DataFolder
    from ..annotate.argilla.server.process import Server
    from ..annotate.listening import listen
    from ..loop.progress import Reporter

    reporter = Reporter()
    with terminating(), DataFolder(data) as folder, listen(host, port) as bound:
        python = _environment(reporter)
        _, is_new = folder.credentials()
        with reporter.task("Starting Argilla") as bar:
            server = Server(python, folder, bound, bar.note)
            bar.note("ready")
        # The usual end of a server is no failure, from the moment on at which it says that it is there.
        with server, suppress(KeyboardInterrupt):
            _announce(server, folder, is_new, as_json)
            if not bound.getsockname()[0].startswith(("127.", "::1")):
                reporter.say("Other machines can reach it, unencrypted: put a proxy with TLS before it.")
            server.wait()
        reporter.say(f"Stopped. Everything is kept in {folder.path}.")


def _environment(reporter: "Reporter") -> Path:
    from ..annotate.argilla.server.environment import environment, packages
    from ..loop.installing import made

    return made(environment(), "Argilla's server", reporter, total=len(packages()))


def _announce(server: "Server", folder: "DataFolder", is_new: bool, as_json: bool) -> None:
    credentials, _ = folder.credentials()
    where = str(folder.credentials_path)
    lines = [f"Argilla is ready: {server.url}"]
    if is_new:
        lines += [
            f"  user name  {credentials.username}",
            f"  password   {credentials.password}",
            f"  API key    {credentials.api_key}",
            f"Shown this once. They are in {where}, which only you can read.",
        ]
    else:
        lines += [f"Log in as {credentials.username}; password and API key are in {where}."]
    shown = credentials.model_dump(include={"username", "password", "api_key"}) if is_new else {}
    result = {"url": server.url, "data": str(folder.path), "credentials": where, "new": is_new, **shown}
    tell(as_json, result, "\n".join([*lines, "Ctrl-C stops it."]))
