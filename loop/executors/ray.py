"""The executor that has shards done by the nodes of a Ray cluster.

Ray Data carries nothing but the names of shards: the items lie at the place that all nodes reach, and the
results are written there by whoever has made them. So nothing that is finished is on a node that may be
lost, no node needs the memory for more than a shard, and a shard whose result is there is never done
again, whichever Ray process asks for it. What Ray Data does for us is what is hard to do well: a pool of
actors that grows with the cluster, holds what was loaded once, hands shards to who is free, and hands
those of a lost node or a killed worker to another one.

What it does not do is to give up: a shard on which every worker dies would be tried for ever. Each try
leaves a mark at the place while it lasts, and a shard with too many of them ends the run with an error.
"""

import logging
import os
import socket
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from ...annotate.engines.endpoint import Budget
from ...annotate.engines.spending import Spending
from ...datasets import errors
from ...datasets.errors import ConfigError, FirstFaultError
from .account import SharedSpending
from .executor import Do, Work, make, plan, shards_of
from .head import watched
from .shards import Item, R, Shard, Shards, absolute

_INSTALL = 'Install it, here and on all nodes: pip install "firstfault[ray]"'
_SECONDS = 10
"""That a cluster may take to answer."""


class RayExecutor:
    """Works on a Ray cluster; use it as a context manager.

    Args:
        place: Folder or URL of the shards, which all nodes reach.
        address: Of the cluster: `auto` for the one that this machine is a node of, or `HOST:PORT` of its
            head. Left out, a Ray is started on this machine alone and ends with the work.

    Raises:
        ConfigError: If Ray is not installed, or there is no such cluster.
    """

    def __init__(self, place: str, address: str | None = None) -> None:
        self.place = absolute(place)
        self._address = address
        self._is_ours = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        # Read when Ray is imported. A cluster that runs already was told by who started it.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Of this process, which would write it between our lines; set it to read it.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        ray = _ray()
        if not ray.is_initialized():
            _connect(ray, self._address)
            self._is_ours = True
        if self._address is not None:
            self._stack.enter_context(watched(ray.get_runtime_context().gcs_address))
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # A node that is lost while a worker starts on it is no reason to give up; ten in a row are.
        context.max_consecutive_actor_init_deaths = 10
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._is_ours:
            _ray().shutdown()

    @property
    def is_here(self) -> bool:
        """Whether the cluster is this machine alone."""
        return self._address is None

    def spending(self, budget: Budget, longest: float) -> Spending | None:
        """Count what all processes together spend, where that matters."""
        shared = budget.usd is not None or budget.tokens is not None
        return SharedSpending(budget, longest) if shared else None

    def map(self, stage: str, work: Work[R], cuts: Iterable[Sequence[Item]]) -> Iterator[Shard]:
        """Have done what is not done; yield every shard once it is there."""
        ray = _ray()
        shards = shards_of(self, stage, work.kind)
        missing: list[dict[str, Any]] = []
        for shard, items, is_done in plan(shards, work, cuts):
            if is_done:
                yield shard
            else:
                shards.write_items(shard, items)
                missing.append(shard._asdict())
        if not missing:
            shards.remove_items()
            return
        resources = cast(Mapping[str, float], ray.cluster_resources())
        on_accelerator = work.wants_accelerator and resources.get("GPU", 0) >= 1
        # One that wanted more than the largest node has would wait for ever.
        largest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
        processors = max(1, min(work.processors, largest))
        free = resources.get("GPU", 0) if on_accelerator else resources.get("CPU", 0) // processors
        data = ray.data.from_items(missing, override_num_blocks=len(missing)).map(
            _Worker,
            fn_constructor_args=(work, shards),
            num_cpus=None if on_accelerator else processors,
            num_gpus=1 if on_accelerator else None,
            # At least, at most, and to start with: what the cluster has room for now; it may grow.
            concurrency=(1, len(missing), max(1, min(len(missing), int(free)))),
        )
        refused = None
        # What `iter_rows` does, without its threads: nobody can wait for their end, and one that asks Ray
        # for anything after Ray is shut down ends this process, without a word.
        running = data._create_executor()
        try:
            for row in _rows(ray, data._build_bundle_iterator(running)):
                if row["error"]:
                    # Not raised here: what the traceback holds would go on after Ray is shut down.
                    refused = _raised(row["error"], row["message"], row["hint"])
                    break
                yield Shard(row["number"], row["key"], row["size"])
        except ray.exceptions.RayActorError as error:
            raise ConfigError(
                f"the workers of the cluster don't start: {' '.join(str(error).split())[:300]}",
                hint="Install the same versions of Python, Ray and firstfault on all nodes.",
            ) from None
        finally:
            _stop(running)
        if refused is not None:
            raise refused
        shards.remove_items()
        # By another driver, started at the same time, in another way.
        shards.finished()


class _Worker:
    """Does shards in a process of the cluster; Ray Data makes one per actor."""

    def __init__(self, work: Work[Any], shards: Shards[Any]) -> None:
        self._work = work
        self._shards = shards
        self._stack = ExitStack()
        self._do: Do[Any] | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do one shard. What the user has to mend comes back as a row: Ray would try it again."""
        shard = Shard(row["number"], row["key"], row["size"])
        try:
            self._make(shard)
        except FirstFaultError as error:
            return {**row, "error": type(error).__name__, "message": str(error), "hint": error.hint}
        return {**row, "error": "", "message": "", "hint": ""}

    def _make(self, shard: Shard) -> None:
        # Ray asks again for a row that was lost with a node, also if the shard was finished.
        if self._shards.has(shard):
            return
        with self._shards.tried(shard):
            if self._do is None:
                self._do = self._stack.enter_context(self._work.opened())
            make(self._shards, shard, self._do, self._shards.read_items(shard))


def _rows(ray: Any, bundles: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The rows that came out of a dataset, as soon as they do."""
    for bundle in bundles:
        for block in ray.get(bundle.block_refs):
            yield from ray.data.block.BlockAccessor.for_block(block).iter_rows(public_row_format=True)


def _stop(running: Any) -> None:
    """End what goes through a dataset, before Ray does, for the same reason."""
    running.shutdown(force=True)
    if running.is_alive():
        running.join(_SECONDS)


def _ray() -> Any:
    try:
        import ray
        import ray.data  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise ConfigError(f"--executor ray: Ray can't be imported ({error})", hint=_INSTALL) from None
    return cast(Any, ray)


def _connect(ray: Any, address: str | None) -> None:
    if address is not None and address.startswith("ray://"):
        raise ConfigError(
            f"--address {address}: Ray's client is not supported",
            hint="Run this on a node of the cluster with --address auto, or by `ray job submit`.",
        )
    if address not in (None, "auto"):
        _look_for(address)
    try:
        with _without_notes():
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address is None else None,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address or "local", " ".join(str(error).split())[:200]) from None


@contextmanager
def _without_notes() -> Generator[None]:
    """Keep from standard error what Ray's C++ says there of its own settings."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _look_for(address: str) -> None:
    """See that something listens there, since Ray itself takes a minute to tell that nothing does."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--address {address}: not HOST:PORT", hint="Give auto, or e.g. 10.0.0.1:6379")
    try:
        with suppress(TimeoutError), socket.create_connection((host.strip("[]"), int(port)), _SECONDS):
            return
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from None
    raise _unreachable(address, "no answer")


def _unreachable(address: str, why: str) -> ConfigError:
    return ConfigError(
        f"--address {address}: no Ray cluster can be reached there ({why})",
        hint="Start one by `ray start --head`; if it wants a token, set RAY_AUTH_MODE=token, "
        "with its ~/.ray/auth_token here.",
    )


def _raised(name: str, message: str, hint: str) -> FirstFaultError:
    """What a worker raised."""
    kind = cast(type[FirstFaultError], getattr(errors, name, FirstFaultError))
    return kind(message, hint=hint)
