"""Work for executors that can be seen being done, on whatever node: it writes into a folder."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firstfault.datasets.errors import ConfigError
from firstfault.datasets.records import Record
from firstfault.loop.executors.executor import Do, Done
from firstfault.loop.executors.shards import Item

_PATIENCE = 120.0


class Squared(Record):
    """A number and its square."""

    number: int
    square: int


@dataclass(frozen=True)
class Square:
    """Squares numbers, and notes each that it squares in a file."""

    notes: Path
    power: int = 2
    deadly: int = -1
    """The process dies over this number, for as many times as `deaths` says."""
    deaths: int = 0
    refused: int = -1
    absent: int = -1
    """The shard of this number is to be done again."""
    stillborn: int = 0
    """So many processes die when they are given it; -1: all lack what it needs."""
    seconds: float = 0.0
    """That a shard takes at least."""
    devices: int = 0
    """Wait until workers are on so many accelerators."""
    wants_accelerator: bool = False

    kind = Squared
    processors = 1

    def described(self) -> object:
        return {"power": self.power}

    @contextmanager
    def opened(self) -> Iterator[Do[Squared]]:
        self._note("opened")
        if self.wants_accelerator:
            self._note(f"on:{os.environ.get('CUDA_VISIBLE_DEVICES', 'none')}")
        yield self._do

    def _do(self, items: Sequence[Item]) -> Done[Squared]:
        time.sleep(self.seconds)
        end = time.monotonic() + _PATIENCE
        while sum(name.startswith("on:") for name in self.done()) < self.devices:
            if time.monotonic() > end:
                raise ConfigError(f"not on {self.devices} accelerators", hint="Look at the pool.")
            time.sleep(0.05)
        for item in items:
            number = item["number"]
            if number == self.refused:
                raise ConfigError(f"{number}: not a number of ours", hint="Give another.")
            if number == self.deadly and self.done()["died"] < self.deaths:
                self._note("died")
                os.kill(os.getpid(), signal.SIGKILL)
            self._note(str(number))
        squared = [Squared(number=one["number"], square=one["number"] ** self.power) for one in items]
        return Done(squared, failed=any(one["number"] == self.absent for one in items))

    def __reduce__(self) -> tuple:
        return _arrive, (os.getpid(), self.__dict__)

    def done(self) -> Counter[str]:
        """How often each number was squared."""
        return Counter(self.notes.read_text().split()) if self.notes.exists() else Counter()

    def _note(self, text: str) -> None:
        # Short appended lines of several processes don't mix.
        with self.notes.open("a") as file:
            file.write(f"{text}\n")


def _arrive(origin: int, fields: dict) -> Square:
    """Unpickle: where workers are said to die at the start, another process than the first one dies of it."""
    arrived = object.__new__(Square)
    arrived.__dict__.update(fields)
    if os.getpid() != origin and arrived.stillborn < 0:
        raise ModuleNotFoundError("No module named 'firstfault'")
    if os.getpid() != origin and arrived.done()["unborn"] < arrived.stillborn:
        arrived._note("unborn")
        os.kill(os.getpid(), signal.SIGKILL)
    return arrived


def numbers(count: int, size: int) -> list[list[Item]]:
    """Shards of consecutive numbers."""
    return [[{"number": n} for n in range(at, min(at + size, count))] for at in range(0, count, size)]
