"""One budget for all processes of a cluster: what is spent is counted by one actor, on the driver's node."""

import time
from collections import deque
from typing import Any, cast

from ...annotate.engines.endpoint import Budget
from ...annotate.engines.spending import Spending
from ...datasets.records import Usage

_SLACK = 30.0
"""Seconds beyond the longest that a request may take, after which it is taken for one of a killed process."""


class _Account(Spending):
    """What the actor keeps."""

    def __init__(self, budget: Budget, longest: float) -> None:
        super().__init__(budget)
        self._longest = longest + _SLACK
        self._started: deque[float] = deque()

    def start(self) -> bool:
        now = time.monotonic()
        while self._started and now - self._started[0] > self._longest:
            self.stop()
        if fits := super().start():
            self._started.append(now)
        return fits

    def stop(self) -> None:
        # Any is as good as another: only their number and the oldest count.
        if self._started:
            self._started.popleft()
            super().stop()

    def stands(self) -> tuple[float, int, bool]:
        return self.usd, self.tokens, self.is_spent


class SharedSpending(Spending):
    """Spending that all processes of a cluster share; it can be pickled to them.

    Args:
        budget: What may be spent by all of them together.
        longest: Seconds that a request may take.
    """

    def __init__(self, budget: Budget, longest: float) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        account = cast(Any, ray).remote(_Account)
        self.budget = budget
        self._account: Any = account.options(num_cpus=0, scheduling_strategy=here).remote(budget, longest)

    @property
    def usd(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """US dollars that all have spent."""
        return self._stands()[0]

    @property
    def tokens(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Tokens that all have spent."""
        return self._stands()[1]

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be asked."""
        return self._stands()[2]

    def start(self) -> bool:
        """Count a request as in flight, unless those that are may spend the budget already."""
        return _got(self._account.start.remote())

    def stop(self) -> None:
        """Count a request as no longer in flight."""
        _got(self._account.stop.remote())

    def add(self, usage: Usage, usd: float) -> None:
        """Count what an answer cost."""
        _got(self._account.add.remote(usage, usd))

    def end(self, why: str) -> None:
        """Allow no further request; those in flight are answered."""
        _got(self._account.end.remote(why))

    def affords(self, usd: float, tokens: float) -> bool:
        """Whether so much more would stay within the budget."""
        return _got(self._account.affords.remote(usd, tokens))

    def _stands(self) -> tuple[float, int, bool]:
        return _got(self._account.stands.remote())


def _got(answer: Any) -> Any:
    import ray

    return cast(Any, ray).get(answer)
