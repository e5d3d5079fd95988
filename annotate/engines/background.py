"""An asyncio program in a thread of its own, whose results another thread reads one by one."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_LONGEST_FAREWELL = 10.0


class Background(Generic[T]):
    """Runs a coroutine function that is given a function to deliver results with.

    The thread is a daemon: a process that ends without closing this is not held up by it.
    """

    def __init__(self, main: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]) -> None:
        self._main = main
        self._results: SimpleQueue[list[T] | BaseException | None] = SimpleQueue()
        self._fresh: list[T] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)

    def results(self) -> Generator[T]:
        """Start, and yield results until the program ends; leaving early cancels it.

        Raises:
            BaseException: Whatever ended the program.
        """
        self._thread.start()
        try:
            while (result := self._results.get()) is not None:
                if isinstance(result, BaseException):
                    raise result
                yield from result
        finally:
            self._cancel()

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function in the event loop, if that still runs."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        try:
            asyncio.run(self._top())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._hand_over()
            self._results.put(error)
        finally:
            self._hand_over()
            self._is_started.set()
            self._results.put(None)

    async def _top(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._is_started.set()
        await self._main(self._deliver)

    def _deliver(self, result: T) -> None:
        # Results of one turn of the loop go over together: to wake the reader costs more than a result.
        if not self._fresh:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._fresh.append(result)

    def _hand_over(self) -> None:
        if self._fresh:
            self._results.put(self._fresh)
            self._fresh = []

    def _cancel(self) -> None:
        self._is_started.wait()
        if self._task is not None:
            self.call(self._task.cancel)
        self._thread.join(_LONGEST_FAREWELL)
