"""The contract of an executor: a stage's work is cut into shards, and every shard is done once.

What a shard holds depends on the items alone, and its result on nothing but its items and the work. So
the shards are the same wherever they are done, and one that is there is never done again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Generic, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from ...annotate.engines.endpoint import Budget
from ...annotate.engines.spending import Spending
from ...datasets.errors import ConfigError
from ...datasets.records import Record
from .shards import Item, R, Shard, Shards

T = TypeVar("T")


class Done(NamedTuple, Generic[R]):
    """What came of a shard's items."""

    records: Sequence[R]
    failed: bool = False
    """Whether something was not to be had this time, so that it is to be done again another time."""


Do = Callable[[Sequence[Item]], Done[R]]
"""Makes records of a shard's items."""


class Work(Protocol[R]):
    """What is done with items. Executors on other machines pickle it."""

    @property
    def kind(self) -> type[R]:
        """Of the records that it makes."""
        ...

    @property
    def wants_accelerator(self) -> bool:
        """Whether it is done on an accelerator where there is one."""
        ...

    @property
    def processors(self) -> int:
        """How many processors it keeps busy, where there is no accelerator."""
        ...

    def described(self) -> object:
        """All that its results depend on besides the items, as JSON."""
        ...

    def opened(self) -> AbstractContextManager[Do[R]]:
        """Load what is needed, once for all shards that a process does.

        The function raises a `FirstFaultError` over what the user has to mend.
        """
        ...


class Executor(Protocol):
    """Where shards are done."""

    @property
    def place(self) -> str:
        """Folder or URL below which stages have their shards."""
        ...

    @property
    def is_here(self) -> bool:
        """Whether all work is done on this machine."""
        ...

    def spending(self, budget: Budget, longest: float) -> Spending | None:
        """Count what all processes together spend; `None` where there is only this one.

        Args:
            budget: What that may be.
            longest: Seconds that a request may take.
        """
        ...

    def map(self, stage: str, work: Work[R], cuts: Iterable[Sequence[Item]]) -> Iterator[Shard]:
        """Do what is not done, and yield every shard once it is there, in any order.

        Args:
            stage: Folder of the shards below `place`; empty for `place` itself.
            work: What is done.
            cuts: The items of each shard.

        Raises:
            ConfigError: If the folder holds the shards of other work.
            FirstFaultError: What the work raises.
        """
        ...


class Planned(NamedTuple):
    """A shard, its items, and whether it is there already."""

    shard: Shard
    items: Sequence[Item]
    is_done: bool


def cut(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut items into lists of `size`, the last one shorter."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def shards_of(executor: Executor, stage: str, kind: type[R]) -> Shards[R]:
    """Where an executor keeps a stage's shards."""
    return Shards(f"{executor.place.rstrip('/')}/{stage}".rstrip("/"), kind, uuid4().hex[:12])


def make(shards: Shards[R], shard: Shard, do: Do[R], items: Sequence[Item]) -> None:
    """Do a shard and keep what comes of it."""
    done = do(items)
    shards.write(shard, done.records, failed=done.failed)


def plan(shards: Shards[R], work: Work[R], cuts: Iterable[Sequence[Item]]) -> Iterator[Planned]:
    """Yield the shards in order, and see that those that are there are of this work.

    Raises:
        ConfigError: If they are of other work.
    """
    there, failed = shards.finished(), shards.failed()
    described = work.described()
    for number, items in enumerate(cuts):
        shard = Shard.of(number, items, described)
        key = there.pop(number, None)
        if key not in (None, shard.key):
            raise _other_work(shards, number)
        yield Planned(shard, items, key is not None and shard.stem not in failed)
    if there:
        raise _other_work(shards, min(there))


def _other_work(shards: Shards[Record] | Shards[R], number: int) -> ConfigError:
    return ConfigError(
        f"{shards.url}: shard {number} there is of other items, or was made in another way",
        hint="Choose another folder, or remove this one.",
    )
