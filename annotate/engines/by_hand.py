"""Batches that are carried by hand: requests are written to a file, results are read from one.

For `vllm run-batch`, which needs no server, and for APIs that are reached in some other way. Nothing is
asked: what neither the ledger nor the results answer is left, and can be written.
"""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from .batch_files import line_of
from .batch_results import Results
from .chat import Answer
from .endpoint import NO_KEY, Endpoint
from .faults import Scrubber
from .ledger import Ledger
from .ledgered import LedgeredChat, Waiting
from .spending import Spending


class ByHandChat(LedgeredChat):
    """A model that is asked by hand.

    Args:
        endpoint: Whose answers these are, and how it is asked.
        ledger: Keeps what is answered. The caller closes it.
        results: Files with results, as the Batch API or `vllm run-batch` write them.
        leave: Called with the key and the line of every request without an answer; not of those that are in a
            batch that has not ended.
        spending: Counts what results cost.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ledger: Ledger,
        results: Sequence[Path] = (),
        leave: Callable[[str, bytes], object] | None = None,
        spending: Spending | None = None,
    ) -> None:
        super().__init__(endpoint, ledger=ledger, budget=spending)
        self._kept_in = ledger
        self._files = results
        self._leave = leave

    @property
    def share(self) -> float:
        """What a request costs, as a share of the endpoint's price."""
        return self.endpoint.price.batch if self.endpoint.price else 1.0

    def _ask(self, waiting: Waiting) -> Generator[tuple[str, Answer], None, str]:
        results = Results(self.endpoint, self._kept_in, self.spending, rounds=1)
        scrubber = Scrubber(NO_KEY)
        for path in self._files:
            yield from results.read(path, set(waiting.keys()), waiting, scrubber)
        if self._leave is not None:
            taken = self._kept_in.among_open_batches(waiting.keys())
            with_schema = self.endpoint.schema_support != "none"
            for key, ask in waiting.items():
                if key not in taken:
                    self._leave(key, line_of(key, ask, self.endpoint, with_schema=with_schema))
        return "no result has its answer"
