"""Progress on the terminal: a bar with rate and time left for everything that takes a while.

It goes to standard error, so that standard output stays for results. Without a terminal, a line when a
task ends.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[int], None]
"""Told how much more of a task is done."""


class Bar(Protocol):
    """A task that is shown while it lasts."""

    def __call__(self, more: int) -> None:
        """Note that so much more is done."""
        ...

    def note(self, text: str) -> None:
        """Show a few words beside it, instead of those before."""
        ...


class Watcher(Protocol):
    """Told of every task beside the terminal."""

    def begin(self, what: str, total: int | None) -> None:
        """A task begins."""
        ...

    def advance(self, more: int) -> None:
        """So much more of it is done."""
        ...

    def say(self, note: str) -> None:
        """A few words are shown beside it."""
        ...


class Reporter:
    """Shows what a run is at.

    Args:
        console: Where to; standard error when left out.
    """

    watcher: Watcher | None = None
    """Told besides."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def say(self, text: str) -> None:
        """Print one line, as plain text."""
        self._console.print(text, highlight=False, markup=False)

    @contextmanager
    def task(self, what: str, total: int | None = None) -> Generator[Bar]:
        """Show a task while it lasts.

        Args:
            what: What is being done, as plain text.
            total: Units of work, where known.

        Yields:
            What to call with every bit of work done.
        """
        with self._shown(what, total) as bar:
            if self.watcher is None:
                yield bar
            else:
                self.watcher.begin(what, total)
                yield _Watched(bar, self.watcher)

    @contextmanager
    def _shown(self, what: str, total: int | None) -> Generator[Bar]:
        if not self._console.is_terminal:
            started, plain = time.monotonic(), _Plain()
            yield plain
            told = f", {plain.said}" if plain.said else ""
            self.say(f"{what}: done in {time.monotonic() - started:.0f} s{told}")
            return
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
        ]
        if total is not None:
            columns += [MofNCompleteColumn(), _Rate(), TimeRemainingColumn(elapsed_when_finished=True)]
        else:
            columns += [TimeElapsedColumn()]
        columns += [TextColumn("{task.fields[note]}", markup=False)]
        with Progress(*columns, console=self._console) as bars:
            bar = bars.add_task(what, total=total, note="")
            yield _Shown(bars, bar)
            bars.update(bar, total=total or 1, completed=total or 1)


class _Watched:
    def __init__(self, bar: Bar, watcher: Watcher) -> None:
        self._bar = bar
        self._watcher = watcher

    def __call__(self, more: int) -> None:
        self._bar(more)
        self._watcher.advance(more)

    def note(self, text: str) -> None:
        self._bar.note(text)
        self._watcher.say(text)


class _Plain:
    """Where nothing can be shown, the last note goes into the line at the end."""

    def __init__(self) -> None:
        self.said = ""

    def __call__(self, more: int) -> None:
        pass

    def note(self, text: str) -> None:
        self.said = text


class _Shown:
    def __init__(self, bars: Progress, bar: TaskID) -> None:
        self._bars = bars
        self._bar = bar

    def __call__(self, more: int) -> None:
        self._bars.advance(self._bar, more)

    def note(self, text: str) -> None:
        self._bars.update(self._bar, note=text)


class _Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")
