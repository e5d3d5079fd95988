"""Many requests at a time, in an event loop of their own."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from ...datasets.errors import FirstFaultError
from .chat import Answer, Ask
from .ledger import Entry
from .requester import Requester, Stop, Tools

Item = tuple[str, Ask]
Deliver = Callable[[tuple[str, Answer]], None]
FromEntry = Callable[[str, Ask, Entry], Answer | None]

_CHUNK = 32
_POLL = 0.25


class Asking:
    """One run over a stream of asks.

    A fixed number of workers take asks from the stream as they get to them, so that a long one takes no
    more memory than a short one. Asks that another process is at are put back to the end.

    Args:
        tools: Client, limits and ledger.
        stream: What to ask, by ledger key.
        deliver: Takes an answer; called in the event loop.
        from_entry: Reads an answer of the ledger; `None` if it can't be used.
    """

    def __init__(self, tools: Tools, stream: Iterator[Item], deliver: Deliver, from_entry: FromEntry) -> None:
        self.stopped_because: str | None = None
        self._tools = tools
        self._stream = stream
        self._deliver = deliver
        self._from_entry = from_entry
        # Answers that may lie about unread: so many that nobody waits for a reader who keeps up.
        self._window = asyncio.Semaphore(max(64, 2 * tools.endpoint.concurrency))
        self._ready: deque[tuple[str, Ask, Answer | None]] = deque()
        self._elsewhere: list[Item] = []
        self._claimed: set[str] = set()
        self._refilling = asyncio.Lock()

    def take_more(self, number: int) -> None:
        """Let so many more answers be delivered: as many were read."""
        for _ in range(number):
            self._window.release()

    async def run(self) -> None:
        """Ask everything, or until a `Stop`.

        Raises:
            FirstFaultError: If endpoint or ledger can't be used.
        """
        heart = asyncio.create_task(self._renew())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._tools.endpoint.concurrency):
                    group.create_task(self._work())
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            heart.cancel()
            await self._release()

    async def _work(self) -> None:
        requester = Requester(self._tools)
        while self.stopped_because is None:
            await self._window.acquire()
            item = None if self.stopped_because else await self._next()
            if item is None:
                break
            key, ask, answer = item
            if answer is None:
                try:
                    answer = await requester.answer(key, ask)
                except Stop as stop:
                    self.stopped_because = self.stopped_because or str(stop)
                    self._tools.stopped.set()
                    break
                self._claimed.discard(key)
            self._deliver((key, answer))
        # Others may wait for leave to deliver, and there is nothing left to ask.
        self._window.release()

    async def _next(self) -> tuple[str, Ask, Answer | None] | None:
        """Return the next ask, with its answer if it came from elsewhere meanwhile; `None` at the end."""
        while not self._ready:
            async with self._refilling:
                if self._ready:
                    break
                chunk = list(islice(self._stream, _CHUNK))
                is_end = not chunk
                if is_end:
                    chunk, self._elsewhere = self._elsewhere, []
                if self.stopped_because is not None or not chunk:
                    return None
                await self._refill(chunk)
                if is_end and not self._ready:
                    await asyncio.sleep(_POLL)
        return self._ready.popleft()

    async def _refill(self, chunk: list[Item]) -> None:
        ledger, commits = self._tools.ledger, self._tools.commits
        if ledger is None or commits is None:
            self._ready.extend((key, ask, None) for key, ask in chunk)
            return
        keys = [key for key, _ in chunk]
        # Before they are: who is cancelled here does not hear what was claimed, and gives all of it back.
        self._claimed.update(keys)
        claims = await commits.call(partial(ledger.claim, keys))
        self._claimed -= claims.answered | claims.busy
        entries = await commits.call(partial(ledger.read, sorted(claims.answered))) if claims.answered else {}
        for key, ask in chunk:
            if key in claims.mine:
                self._ready.append((key, ask, None))
                continue
            entry = entries.get(key)
            answer = None if entry is None else self._from_entry(key, ask, entry)
            if answer is None:
                self._elsewhere.append((key, ask))
            else:
                self._ready.append((key, ask, answer))

    async def _renew(self) -> None:
        ledger, commits = self._tools.ledger, self._tools.commits
        if ledger is not None and commits is not None:
            while True:
                await asyncio.sleep(ledger.lease / 3)
                commits.later(ledger.renew)

    async def _release(self) -> None:
        """Give back what was claimed and not answered, so that others can ask it at once."""
        ledger, commits = self._tools.ledger, self._tools.commits
        if ledger is not None and commits is not None and self._claimed:
            with suppress(FirstFaultError):
                await commits.done(partial(ledger.release, sorted(self._claimed)))


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    # What the user can mend before what follows from it.
    told = errors.subgroup(FirstFaultError)
    return (told or errors).exceptions[0]
