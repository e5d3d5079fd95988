"""The judge that asks a language model, through any endpoint.

One request per case and sample. An answer that can't be used is asked for once more, with what was wrong
with it, and is `unscored` if that does not help. What form alone decides (loops, cut off, off topic, no
steps) is never asked. Several samples of one case vote like a panel.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..annotate.engines.chat import Answer, Ask, Chat, Ending
from ..datasets.records import Usage, Verdict, VerdictStatus
from .case import Case
from .degenerate import find_degeneration
from .fence import restored
from .reply import read_reply, with_backslashes
from .schema import Reply, StepVerdict, reply_schema
from .template import Style, conversation, repair
from .voting import decide

MAX_CHARACTERS = 400_000
"""A case that shows more than this is not asked about."""

_ENDINGS = {
    Ending.LENGTH: "the answer was cut off at the limit of tokens",
    Ending.FILTERED: "the endpoint's content filter stopped the answer",
    Ending.REFUSED: "the model refused",
    Ending.FAILED: "no answer",
    Ending.UNASKED: "not asked: the budget ended before",
}


def is_unasked(verdict: Verdict) -> bool:
    """Whether a verdict, or a vote behind it, is missing because the budget ended."""
    here = verdict.reason is not None and verdict.reason.startswith(_ENDINGS[Ending.UNASKED])
    return here or any(is_unasked(vote) for vote in verdict.votes)


class _Open(NamedTuple):
    """A request under way."""

    place: int
    """Index of its case."""
    ask: Ask
    shown: str
    """The user turn of the first request: what was said of the case, without any answer."""
    usage: Usage = Usage()
    """Of what was asked before it for the same vote."""


class LLMJudge:
    """Asks a language model for the first fault of each solution.

    Args:
        chat: Where requests go. Keys, budget, retries and the ledger are its business.
        style: What the model is shown and told.
        samples: Independent answers per case, at least 1; more than one are combined by `decide`.
    """

    def __init__(self, chat: Chat, style: Style | None = None, *, samples: int = 1) -> None:
        if samples < 1:
            raise ValueError(f"a judge needs at least one sample, got {samples}")
        self._chat = chat
        self._style = style or Style()
        self._samples = samples

    @property
    def name(self) -> str:
        """Name of the model that is asked."""
        return self._chat.name

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield one verdict per case, each as soon as it is known.

        All first requests go out together, so that the endpoint decides how many run at once; the second
        ones follow together when the first are through.
        """
        asks: list[_Open] = []
        for place, case in enumerate(cases):
            verdict = self._without_request(case)
            if verdict is not None:
                yield verdict
            else:
                asks += self._asks(place, case)
        votes: dict[int, list[Verdict]] = {}
        again: list[_Open] = []
        for round_of in (asks, again):
            for opened, answer in self._answers(round_of):
                case = cases[opened.place]
                outcome = self._read(case, opened, answer, may_repair=round_of is asks)
                if isinstance(outcome, _Open):
                    again.append(outcome)
                    continue
                votes.setdefault(opened.place, []).append(outcome)
                if len(votes[opened.place]) == self._samples:
                    yield self._combined(votes.pop(opened.place))

    def asks(self, cases: Sequence[Case]) -> Iterator[tuple[Ask, int]]:
        """Yield the first request of every case and sample that needs one, and its number of steps."""
        for place, case in enumerate(cases):
            if self._without_request(case) is None:
                for opened in self._asks(place, case):
                    yield opened.ask, len(case.solution.steps)

    def _without_request(self, case: Case) -> Verdict | None:
        solution = case.solution
        if not any(step.strip() for step in solution.steps):
            return self._unscored(case, "no steps")
        found = find_degeneration(case.problem, solution)
        if found is not None:
            return found.verdict(solution, self.name)
        shown = [case.problem.question, case.problem.answer, *solution.steps]
        if case.full_precision is not None:
            shown.append(case.full_precision.text)
        if sum(map(len, shown)) > MAX_CHARACTERS:
            return self._unscored(case, f"longer than {MAX_CHARACTERS} characters")
        return None

    def _asks(self, place: int, case: Case) -> Iterator[_Open]:
        messages = conversation(case, self._style)
        schema = reply_schema(len(case.solution.steps))
        for sample in range(self._samples):
            ask = Ask(f"{place}.{sample}", messages, schema, sample)
            yield _Open(place, ask, messages[-1].content)

    def _answers(self, asked: Sequence[_Open]) -> Iterator[tuple[_Open, Answer]]:
        """Pair requests with their answers; one that the endpoint forgot has failed."""
        waiting = {opened.ask.key: opened for opened in asked}
        if not waiting:
            return
        for answer in self._chat.ask([opened.ask for opened in asked]):
            opened = waiting.pop(answer.key, None)
            if opened is not None:
                yield opened, answer
        for key, opened in waiting.items():
            yield opened, Answer(key, Ending.FAILED, reason="the endpoint gave none")

    def _read(self, case: Case, opened: _Open, answer: Answer, *, may_repair: bool) -> Verdict | _Open:
        usage = _sum(opened.usage, answer.usage)
        if answer.ending is not Ending.STOP:
            said = _ENDINGS[answer.ending]
            return self._unscored(case, f"{said}: {answer.reason}" if answer.reason else said, usage)
        reply = read_reply(answer.text, len(case.solution.steps), shown=opened.shown)
        if isinstance(reply, Reply):
            return self._verdict(case, reply, usage)
        reason = reply.reason
        if answer.reasoning and not answer.text.strip():
            reason = "nothing but thoughts"
        if may_repair and reply.mendable:
            messages = repair(opened.ask.messages, answer.text, reason, self._style)
            ask = opened.ask._replace(key=f"{opened.ask.key}.again", messages=messages)
            return opened._replace(ask=ask, usage=usage)
        return self._unscored(case, reason, usage)

    def _verdict(self, case: Case, reply: Reply, usage: Usage) -> Verdict:
        fault = reply.first_fault
        unclear = [one.step for one in reply.steps if one.verdict is StepVerdict.UNCLEAR]
        unsure = fault is None and bool(unclear)
        status = VerdictStatus.FAULTY if fault else VerdictStatus.UNSURE if unsure else VerdictStatus.CLEAN
        return Verdict(
            solution_id=case.solution.id,
            judge=self.name,
            status=status,
            first_fault=None if fault is None else fault - 1,
            error_type=reply.error_type,
            subtype=reply.subtype,
            rationale=_mended(reply.rationale),
            corrected_step=_mended(reply.corrected_step) if fault and reply.corrected_step else None,
            confidence=None if unsure else reply.confidence,
            reason=f"step {unclear[0]} is unclear to it" if unsure else None,
            usage=usage,
        )

    def _unscored(self, case: Case, reason: str, usage: Usage | None = None) -> Verdict:
        return Verdict(
            solution_id=case.solution.id,
            judge=self.name,
            status=VerdictStatus.UNSCORED,
            reason=reason,
            usage=usage or Usage(),
        )

    def _combined(self, votes: Sequence[Verdict]) -> Verdict:
        return votes[0] if len(votes) == 1 else decide(votes, judge=self.name).verdict


def _mended(text: str) -> str:
    return restored(with_backslashes(text))


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        requests=first.requests + second.requests,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
    )
