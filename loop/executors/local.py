"""The executor that does all shards in this process, one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from ...annotate.engines.endpoint import Budget
from .executor import Do, Work, make, plan, shards_of
from .shards import Item, R, Shard, absolute


class LocalExecutor:
    """Works in this process.

    Args:
        place: Folder or URL of the shards.
    """

    is_here = True

    def __init__(self, place: str) -> None:
        self.place = absolute(place)

    def spending(self, budget: Budget, longest: float) -> None:
        """There is only this process."""

    def map(self, stage: str, work: Work[R], cuts: Iterable[Sequence[Item]]) -> Iterator[Shard]:
        """Do what is not done; yield every shard, in order."""
        shards = shards_of(self, stage, work.kind)
        do: Do[R] | None = None
        with ExitStack() as stack:
            for shard, items, is_done in plan(shards, work, cuts):
                if not is_done:
                    do = do or stack.enter_context(work.opened())
                    make(shards, shard, do, items)
                yield shard
