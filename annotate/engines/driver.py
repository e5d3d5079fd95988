"""Conversations in, answers out, through any OpenAI-compatible endpoint.

What was answered once is taken from the ledger; the rest is asked as many at a time as the endpoint takes,
and not beyond the budget. Requests run in an event loop in a thread of its own, so that who reads the
answers needs to know nothing of it.
"""

import asyncio
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice

from .asking import Asking
from .background import Background
from .chat import Answer, Ask, Ending
from .client import Client
from .commits import Commits
from .endpoint import Budget, Endpoint
from .faults import Scrubber
from .fingerprint import Fingerprint
from .headway import Headway, Progress
from .ledger import Entry, Ledger
from .pacing import Gate, Pause, Slots
from .reply import UnusableReplyError, read_reply
from .requester import Manners, Tools, as_answer
from .spending import Spending

_CHUNK = 500
_CREDIT = 16


class OpenAIChat:
    """A model behind an OpenAI-compatible API, as a `Chat`.

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
        self.endpoint = endpoint
        self.spending = budget if isinstance(budget, Spending) else Spending(budget)
        self.spending.check(endpoint)
        self._ledger = ledger
        self._on_progress = on_progress
        self._pause = pause
        self._manners = Manners(endpoint)

    @property
    def name(self) -> str:
        """Name of the model, as it stands in records."""
        return self.endpoint.model

    def ask(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Yield exactly one answer per ask: first those in the ledger, then each as soon as it comes.

        Asks with the same content are one request. Leaving the iterator early cancels what is in flight.

        Raises:
            ConfigError: If something has to be asked and there is no key.
            EndpointError: If the endpoint can't be used: unknown host, refused key, unknown model.
            InputError: If the ledger can't be used.
        """
        keys = Fingerprint(self.endpoint)
        waiting: dict[str, Ask] = {}
        again: dict[str, list[Ask]] = {}
        for ask in asks:
            key = keys.of(ask)
            if key in waiting:
                again.setdefault(key, []).append(ask)
            else:
                waiting[key] = ask
        headway = Headway(len(asks), self.spending)
        for key, answer in self._answers(waiting, headway):
            copies = [answer._replace(key=ask.key, from_ledger=True) for ask in again.pop(key, ())]
            for one in (answer, *copies):
                progress = headway.count(one)
                if self._on_progress is not None:
                    self._on_progress(progress)
                yield one

    def unanswered(self, asks: Sequence[Ask]) -> list[Ask]:
        """Return one ask of every request that the ledger has no answer to."""
        keys = Fingerprint(self.endpoint)
        open_asks = {keys.of(ask): ask for ask in asks}
        answered = self._ledger.answered(list(open_asks)) if self._ledger is not None else set[str]()
        return [ask for key, ask in open_asks.items() if key not in answered]

    def _answers(self, waiting: dict[str, Ask], headway: Headway) -> Iterator[tuple[str, Answer]]:
        """Yield the answer of every request, which is taken out of `waiting`."""
        if self._ledger is not None:
            answered = self._ledger.answered(list(waiting))
            known = iter([key for key in waiting if key in answered])
            while part := list(islice(known, _CHUNK)):
                for key, entry in self._ledger.read(part).items():
                    answer = self._from_entry(key, waiting[key], entry)
                    if answer is not None:
                        del waiting[key]
                        yield key, answer
        stopped_because = ""
        if waiting:
            headway.start()
            stopped_because = yield from self._ask(waiting)
        for key, ask in waiting.items():
            yield key, Answer(ask.key, Ending.UNASKED, reason=f"not asked: {stopped_because}")

    def _ask(self, waiting: dict[str, Ask]) -> Generator[tuple[str, Answer], None, str]:
        """Ask for those answers until all are there or something stops it; return what did."""
        client = Client(self.endpoint, self.endpoint.api_key())
        run = _Run(list(waiting.items()))
        background = Background[tuple[str, Answer]](partial(self._main, client, run))
        unread = 0
        with closing(background.results()) as results:
            for key, answer in results:
                del waiting[key]
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
        run.asking = Asking(tools, iter(run.items), deliver, self._from_entry)
        try:
            await run.asking.run()
        finally:
            manners.limit = slots.limit
            try:
                if commits is not None:
                    await commits.close()
            finally:
                await client.close()

    def _from_entry(self, key: str, ask: Ask, entry: Entry) -> Answer | None:
        """Read an answer of the ledger; one that can't be read is marked as failed, to be asked again."""
        assert self._ledger is not None
        endpoint = self.endpoint
        try:
            reply = read_reply(entry.raw)
        except UnusableReplyError as error:
            self._ledger.fail(key, endpoint.base_url, endpoint.model, str(error))
            return None
        usage, cost = entry.usage, entry.cost
        if usage is None:
            usage = reply.usage
            cost = endpoint.price.of(usage) if endpoint.price else 0.0
            self._ledger.settle(key, usage, cost)
        return as_answer(ask, reply, usage, cost, endpoint, from_ledger=True)


class _Run:
    """What the two threads of one run share."""

    def __init__(self, items: list[tuple[str, Ask]]) -> None:
        self.items = items
        self.asking: Asking | None = None
