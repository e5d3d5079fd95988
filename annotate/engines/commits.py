"""Writing to a ledger from an event loop without holding it up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .ledger import Ledger

T = TypeVar("T")


class Commits:
    """Gathers what is to be written while the last transaction is under way, and commits it together.

    One thread of its own does all that waits for the disk or for another process.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._pending: list[tuple[Callable[[], None], asyncio.Future[None] | None]] = []
        self._writing: asyncio.Task[None] | None = None
        self._failed: Exception | None = None

    async def done(self, write: Callable[[], None]) -> None:
        """Write and wait until it is committed."""
        future = asyncio.get_running_loop().create_future()
        self._add(write, future)
        await future

    def later(self, write: Callable[[], None]) -> None:
        """Write with the next commit. If that fails, `close` raises."""
        self._add(write, None)

    async def call(self, function: Callable[[], T]) -> T:
        """Run something else that uses the ledger, after what is under way."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def close(self) -> None:
        """Wait until everything is committed."""
        while self._writing is not None and not self._writing.done():
            await asyncio.wait([self._writing])
        self._thread.shutdown(wait=False)
        if self._failed is not None:
            raise self._failed

    def _add(self, write: Callable[[], None], future: "asyncio.Future[None] | None") -> None:
        self._pending.append((write, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            failure: Exception | None = None
            try:
                await self.call(lambda batch=batch: self._write([write for write, _ in batch]))
            except Exception as error:
                failure = error
            for _, future in batch:
                if future is None:
                    self._failed = self._failed or failure
                elif not future.done() and failure is None:
                    future.set_result(None)
                elif not future.done() and failure is not None:
                    future.set_exception(failure)

    def _write(self, writes: list[Callable[[], None]]) -> None:
        def together() -> None:
            for write in writes:
                write()

        self._ledger.atomically(together)
