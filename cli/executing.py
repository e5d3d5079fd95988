"""Options of commands whose work may be spread over a cluster, and what they stand for."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError

if TYPE_CHECKING:
    from ..loop.executors.executor import Executor as ExecutorContract

Executor = Annotated[
    str | None,
    typer.Option(help="Do the work in shards: `local`, or `ray` on a cluster.", show_default=False),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Of the Ray cluster: auto on one of its nodes, or HOST:PORT of its head. "
        "Left out, a Ray of this machine's own is started.",
        show_default=False,
    ),
]
ShardsAt = Annotated[
    str | None,
    typer.Option(
        "--shards",
        help="Folder or URL (s3://..., gs://...) that all nodes reach, for finished shards.",
        show_default=False,
    ),
]


@contextmanager
def opened(name: str, address: str | None, place: str) -> "Generator[ExecutorContract]":
    """Start what a name stands for.

    Args:
        name: `local` or `ray`.
        address: Of a cluster.
        place: Folder or URL of the shards.

    Raises:
        ConfigError: If the name is unknown, or there is no such cluster.
    """
    from ..loop.executors.local import LocalExecutor
    from ..loop.executors.ray import RayExecutor

    if name == "ray":
        with RayExecutor(place, address) as executor:
            yield executor
        return
    if name != "local":
        raise ConfigError(f"--executor {name}: unknown", hint="Known are local and ray")
    if address is not None:
        raise ConfigError("--address is of a cluster", hint="Add --executor ray")
    yield LocalExecutor(place)


def refuse_without_executor(address: str | None, shards: str | None) -> None:
    """Refuse options that mean nothing without an executor.

    Raises:
        ConfigError: If one is given.
    """
    for name, given in (("--address", address), ("--shards", shards)):
        if given is not None:
            raise ConfigError(f"{name}: nothing is done in shards", hint="Add --executor ray")
