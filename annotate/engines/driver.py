"""Conversations in, answers out, through any OpenAI-compatible endpoint.

What was answered once is taken from the ledger; the rest is asked as many at a time as the endpoint takes,
and not beyond the budget. Requests run in an event loop in a thread of its own, so that who reads the
answers needs to know nothing of it.
"""

import asyncio
import random
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial

from ...datasets.errors import ConfigError
from .asking import Asking
from .background import Background
from .chat import Answer, Ask
from .client import Client
from .commits import Commits
from .endpoint import Budget, Endpoint
from .faults import Scrubber
from .headway import Progress
from .ledger import Ledger
from .ledgered import LedgeredChat, Waiting
from .pacing import Gate, Pause, Slots
from .requester import Manners, Tools
from .spending import Spending

_CREDIT = 16


class OpenAIChat(LedgeredChat):
    """A model behind an OpenAI-compatible API.

    Args:
        endpoint: Where it is and how it is asked.
        ledger: Keeps what is answered; without one it is lost with the process. The caller closes it.
        budget: Where to stop; a `Spending` is shared with other chats.
        on_progress: Called in the reader's thread whenever an answer is read.
        pause: Waits between attempts.

    Raises:
        ConfigError: If the budget is in dollars and the endpoint has no price.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ledger: Ledger | None = None,
        budget: Budget | Spending | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        super().__init__(endpoint, ledger=ledger, budget=budget, on_progress=on_progress)
        self._pause = pause
        self._manners = Manners(endpoint)

    def _ask(self, waiting: Waiting) -> Generator[tuple[str, Answer], None, str]:
        """Ask for those answers until all are there or something stops it; return what did."""
        self._leave_batches_alone(waiting)
        client = Client(self.endpoint, self.endpoint.api_key())
        run = _Run(waiting.items())
        background = Background[tuple[str, Answer]](partial(self._main, client, run))
        unread = 0
        with closing(background.results()) as results:
            for key, answer in results:
                yield key, answer
                unread += 1
                if unread == _CREDIT and run.asking is not None:
                    background.call(run.asking.take_more, unread)
                    unread = 0
        stopped_because = run.asking.stopped_because if run.asking is not None else None
        if waiting and not stopped_because:
            raise AssertionError(f"{len(waiting)} requests were lost")
        return stopped_because or ""

    async def _main(self, client: Client, run: "_Run", deliver: Callable[[tuple[str, Answer]], None]) -> None:
        manners = self._manners
        slots = Slots(self.endpoint.concurrency, manners.limit)
        commits = Commits(self._ledger) if self._ledger is not None else None
        tools = Tools(
            endpoint=self.endpoint,
            client=client,
            slots=slots,
            gate=Gate(self._pause),
            pause=self._pause,
            spending=self.spending,
            manners=manners,
            scrubber=Scrubber(client.key),
            rng=random.Random(),
            ledger=self._ledger,
            commits=commits,
            stopped=asyncio.Event(),
        )
        run.asking = Asking(tools, run.items, deliver, self._from_entry)
        try:
            await run.asking.run()
        finally:
            manners.limit = slots.limit
            try:
                if commits is not None:
                    await commits.close()
            finally:
                await client.close()

    def _leave_batches_alone(self, waiting: Waiting) -> None:
        taken = self._ledger.among_open_batches(waiting.keys()) if self._ledger is not None else None
        if taken:
            raise ConfigError(
                f"{self.name}: {len(taken)} of these requests are in a batch that has not ended",
                hint="Fetch it by the same command with --batch; asking now would pay for them twice",
            )


class _Run:
    """What the two threads of one run share."""

    def __init__(self, items: Iterator[tuple[str, Ask]]) -> None:
        self.items = items
        self.asking: Asking | None = None
