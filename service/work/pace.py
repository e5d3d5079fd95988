"""What comes slowly, in parts that nobody waits long for."""

import time
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Event
from typing import TypeVar

T = TypeVar("T")


def paced(source: Iterable[T], seconds: float) -> Generator[list[T]]:
    """Yield all that comes, in lists: each so many seconds after its first item came, or at the end.

    A list is empty where nothing has come for so long.

    The source is gone through in a thread of its own. Whoever leaves early waits for its next item, which is
    its last.

    Raises:
        Exception: What the source raises, after all that came before.
    """
    come: SimpleQueue[T | None] = SimpleQueue()
    is_left = Event()

    def go() -> None:
        try:
            for one in source:
                come.put(one)
                if is_left.is_set():
                    return
        finally:
            come.put(None)

    with ThreadPoolExecutor(1) as thread:
        going = thread.submit(go)
        try:
            has_ended = False
            while not has_ended:
                part: list[T] = []
                try:
                    first = come.get(timeout=seconds)
                except Empty:
                    yield part
                    continue
                if first is None:
                    break
                part.append(first)
                end = time.monotonic() + seconds
                while not has_ended and (left := end - time.monotonic()) > 0:
                    try:
                        one = come.get(timeout=left)
                    except Empty:
                        break
                    if one is None:
                        has_ended = True
                    else:
                        part.append(one)
                yield part
        finally:
            is_left.set()
        going.result()
