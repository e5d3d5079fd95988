"""Progress on the terminal: a bar with rate and time left for everything that takes a while.

It goes to standard error, so that standard output stays for results. Without a terminal, a line when a
task ends.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[int], None]
"""Told how much more of a task is done."""


class Reporter:
    """Shows what a run is at.

    Args:
        console: Where to; standard error when left out.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False)

    @contextmanager
    def task(self, what: str, total: int | None = None) -> Generator[Advance]:
        """Show a task while it lasts.

        Args:
            what: What is being done, as plain text.
            total: Units of work, where known.

        Yields:
            A function to call with every bit of work done.
        """
        if not self._console.is_terminal:
            started = time.monotonic()
            yield lambda _: None
            self.say(f"{what}: done in {time.monotonic() - started:.0f} s")
            return
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
        ]
        if total is not None:
            columns += [MofNCompleteColumn(), _Rate(), TimeRemainingColumn(elapsed_when_finished=True)]
        else:
            columns += [TimeElapsedColumn()]
        with Progress(*columns, console=self._console) as bars:
            bar = bars.add_task(what, total=total)
            yield lambda more: bars.advance(bar, more)
            bars.update(bar, total=total or 1, completed=total or 1)


class _Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")
