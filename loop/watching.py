"""What a person sees while judges are at work: the bar, and what language models cost."""

from collections.abc import Callable, Iterator, Sequence

from ..annotate.engines.batch import BatchChat
from ..annotate.engines.headway import Progress
from ..datasets.records import Verdict
from ..judge.case import Case, Judge
from ..judge.members import Member
from .progress import Bar, Reporter


def watched(members: Sequence[Member], reporter: Reporter, bar: Bar) -> list[Member]:
    """Return the members of a panel, reporting every verdict, what was spent, and how far batches are."""

    def note(progress: Progress) -> None:
        bar.note(spent(progress))

    for member in members:
        if member.chat is not None:
            member.chat.on_progress = note
        if isinstance(member.chat, BatchChat):
            member.chat.on_state = reporter.say
    return [member._replace(judge=Watched(member.judge, bar)) for member in members]


def spent(progress: Progress) -> str:
    """Say what all asking has cost so far, and about what it will have cost once this judge is through.

    Where no price is known, tokens stand in for dollars.
    """
    if not progress.tokens:
        return ""
    is_done = progress.done == progress.total
    if progress.usd:
        to_come = "" if is_done else f" of about ${progress.usd + progress.usd_left:,.2f}"
        return f"${progress.usd:,.2f}{to_come}"
    to_come = "" if is_done else f" of about {progress.tokens + progress.tokens_left:,.0f}"
    return f"{progress.tokens:,}{to_come} tokens"


class Watched:
    """A judge whose every verdict is reported as it comes.

    Args:
        judge: Who judges.
        done: Called with 1 for each verdict.
    """

    def __init__(self, judge: Judge, done: Callable[[int], object]) -> None:
        self._judge = judge
        self._done = done

    @property
    def name(self) -> str:
        """Name of the judge."""
        return self._judge.name

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield the judge's verdicts."""
        for verdict in self._judge.judge(cases):
            yield verdict
            self._done(1)
