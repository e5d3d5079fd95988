"""Conversations in, answers out, through an endpoint's Batch API: half the price, within a day.

What is open goes up in files, and the results come down into the same ledger as all other answers. The ledger
also knows the batches (`batch_book`): a run that was stopped or killed goes on with them, and nothing is
submitted twice. What failed in passing, expired or is missing from the results goes into a next batch.
"""

import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

from pydantic import Field

from ...datasets.config import Config
from ...datasets.errors import EndpointError
from .batch_api import BatchAPI, RefusedError, State
from .batch_book import Batch, BatchBook
from .batch_files import MOST_REQUESTS, Parts, keep, line_of
from .batch_results import Results
from .chat import Answer, Ask
from .endpoint import Budget, Endpoint
from .headway import Progress
from .ledger import Ledger
from .ledgered import LedgeredChat, Waiting
from .spending import Spending

_TOO_DEAR = (
    "the budget allows for no more in a batch: raise it and run the same again; what was answered is kept"
)
_TOO_MUCH_AT_A_TIME = "token_limit_exceeded"


class BatchMode(Config):
    """How an endpoint's Batch API is used."""

    poll: float = Field(default=60.0, gt=0)
    """Seconds between looks at the batches that are under way."""
    requests: int = Field(default=MOST_REQUESTS, ge=1, le=MOST_REQUESTS)
    """Most requests in one batch. Fewer where the account may not have so many tokens waiting."""
    rounds: int = Field(default=3, ge=1)
    """Batches that a request may be in, after failures in passing, before it is given up."""


class BatchChat(LedgeredChat):
    """A model behind an API that takes batches.

    Args:
        endpoint: Where it is and how it is asked.
        ledger: Keeps what is answered, and the batches that are under way. The caller closes it.
        mode: How batches are used.
        budget: Where to stop. What a batch will cost is reckoned before it is made, with answers as long as
            those so far were on average; with the longest possible ones before there are any.
        on_progress: Called whenever an answer is read.
        on_state: Told in one line how far a batch is, whenever that changes.
        pause: Waits some seconds.

    Raises:
        ConfigError: If the budget is in dollars and the endpoint has no price.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ledger: Ledger,
        mode: BatchMode | None = None,
        budget: Budget | Spending | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        on_state: Callable[[str], object] | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(endpoint, ledger=ledger, budget=budget, on_progress=on_progress)
        self.on_state = on_state
        self._mode = mode or BatchMode()
        self._kept_in = ledger
        self._book = BatchBook(ledger, endpoint)
        self._pause = pause
        self._results = Results(endpoint, ledger, self.spending, self._mode.rounds)

    @property
    def share(self) -> float:
        """What a request costs, as a share of the endpoint's price."""
        return self.endpoint.price.batch if self.endpoint.price else 1.0

    def _ask(self, waiting: Waiting) -> Generator[tuple[str, Answer], None, str]:
        with closing(BatchAPI(self.endpoint, self._pause)) as api:
            self._results.start()
            stopped_because, may_submit = "", True
            said: dict[str, State] = {}
            while waiting:
                self._adopt(api)
                if may_submit:
                    stopped_because = self._results.stopped_because or self._submit(waiting, api)
                if stopped_because and not self._kept_in.among_open_batches(waiting.keys()):
                    return stopped_because
                ended, refused = 0, State("")
                for batch in self._book.open():
                    state = api.look(batch.remote) if batch.remote else State("validating")
                    self._say(batch, state, said)
                    if state.code == _TOO_MUCH_AT_A_TIME:
                        self._book.close(batch)
                        refused = state
                    elif state.has_ended:
                        yield from self._merge(batch, state, waiting, api)
                        ended += 1
                may_submit = ended > 0 or (may_submit and not refused.code)
                if not may_submit and not self._book.open():
                    raise EndpointError(
                        f"{self.name}: the account can't have so many tokens waiting: {refused.reason}",
                        hint="Put fewer requests in a batch, e.g. batch: {requests: 1000}",
                    )
                yield from self._kept(waiting)
                if waiting and not ended:
                    self._pause(self._mode.poll)
            return ""

    def _adopt(self, api: BatchAPI) -> None:
        """Find out what became of batches that a process was making when it died."""
        for batch in self._book.open():
            if batch.remote is None and self._book.is_abandoned(batch):
                remote = api.find(batch.token)
                if remote is None:
                    self._book.close(batch)
                else:
                    self._book.made(batch, remote)

    def _submit(self, waiting: Waiting, api: BatchAPI) -> str:
        """Make batches of what is in none; return why not of all."""
        taken = self._kept_in.among_open_batches(waiting.keys())
        if len(taken) == len(waiting):
            return ""
        unaffordable: list[str] = []
        asks = self._affordable(waiting, taken, unaffordable)
        with tempfile.TemporaryDirectory(prefix="firstfault-batch-") as folder:
            parts = Parts(
                lambda number: Path(folder) / f"requests-{number}.jsonl", requests=self._mode.requests
            )
            for key, ask in asks:
                parts.add(key, line_of(key, ask, self.endpoint, with_schema=self._results.with_schema))
            for part in parts.close():
                batch, mine = self._book.begin(part.keys)
                if mine and mine != part.keys:
                    keep(part, mine)
                if mine:
                    self._make(batch, part.path, api)
        return _TOO_DEAR if unaffordable else ""

    def _make(self, batch: Batch, path: Path, api: BatchAPI) -> None:
        try:
            remote = api.make(path, batch.token)
        except RefusedError:
            self._book.close(batch)
            raise
        self._book.made(batch, remote)

    def _affordable(
        self, waiting: Waiting, taken: set[str], unaffordable: list[str]
    ) -> Iterator[tuple[str, Ask]]:
        """Yield what is in no batch until the budget may not allow for more; then note what is left out."""
        usd = tokens = 0.0
        if self.spending.is_limited:
            for key in taken:
                more = self._reckon(waiting[key])
                usd, tokens = usd + more[0], tokens + more[1]
        for key, ask in waiting.items():
            if key in taken:
                continue
            if self.spending.is_limited:
                more = self._reckon(ask)
                usd, tokens = usd + more[0], tokens + more[1]
                if not self.spending.affords(usd, tokens):
                    unaffordable.append(key)
                    return
            yield key, ask

    def _reckon(self, ask: Ask) -> tuple[float, float]:
        """Return the US dollars and tokens that a request will take."""
        prompt = sum(len(one.content) for one in ask.messages) * self._results.tokens_per_character
        completion = self._results.mean_completion
        price = self.endpoint.price
        usd = (prompt * price.prompt + completion * price.completion) / 1e6 * price.batch if price else 0.0
        return usd, prompt + completion

    def _merge(
        self, batch: Batch, state: State, waiting: Waiting, api: BatchAPI
    ) -> Iterator[tuple[str, Answer]]:
        """Keep the results of a batch that has ended and yield the answers among them."""
        if state.status == "failed":
            self._book.close(batch)
            raise EndpointError(
                f"{self.name}: {batch.remote} was refused: {state.reason or 'no reason given'}",
                hint="Nothing of it was run; mend what it names and run the same command again",
            )
        keys = set(self._book.keys(batch))
        with tempfile.TemporaryDirectory(prefix="firstfault-batch-") as folder:
            for number, file in enumerate(state.files):
                path = Path(folder) / f"results-{number}.jsonl"
                if api.fetch(file, path):
                    yield from self._results.read(path, keys, waiting, api.scrubber)
        yield from self._results.finish(keys, waiting, state.status)
        self._book.close(batch)
        self._results.complain()

    def _say(self, batch: Batch, state: State, said: dict[str, State]) -> None:
        if self.on_state is not None and batch.remote and said.get(batch.remote) != state:
            said[batch.remote] = state
            done = f", {state.done:,} of {state.total:,} requests" if state.total else ""
            self.on_state(f"{self.name}: {batch.remote} is {state.status.replace('_', ' ')}{done}")
