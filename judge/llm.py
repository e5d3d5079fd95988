"""The judge that asks a language model, through any endpoint.

One request per case and sample. An answer that can't be used is asked for once more, with what was wrong
with it, and is `unscored` if that does not help. What form alone decides (loops, cut off, off topic, no
steps) is never asked. Several samples of one case vote like a panel.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..annotate.engines.chat import Answer, Chat, Ending
from ..datasets.records import Usage, Verdict, VerdictStatus
from .asks import Asks, FirstAsks, SecondAsks, Useless
from .case import Case
from .degenerate import find_degeneration
from .fence import restored
from .reply import read_reply, with_backslashes
from .schema import Reply, StepVerdict
from .template import Style
from .voting import decide

MAX_CHARACTERS = 400_000
"""A case that shows more than this is not asked about."""

_ENDINGS = {
    Ending.LENGTH: "the answer was cut off at the limit of tokens",
    Ending.FILTERED: "the endpoint's content filter stopped the answer",
    Ending.REFUSED: "the model refused",
    Ending.FAILED: "no answer",
    Ending.UNASKED: "not asked",
}


def is_unasked(verdict: Verdict) -> bool:
    """Whether a verdict, or a vote behind it, is missing because something ended the asking."""
    here = verdict.reason is not None and verdict.reason.startswith(_ENDINGS[Ending.UNASKED])
    return here or any(is_unasked(vote) for vote in verdict.votes)


def is_unanswered(verdict: Verdict) -> bool:
    """Whether a verdict, or a vote behind it, is missing because an endpoint gave no answer."""
    here = verdict.reason is not None and verdict.reason.startswith(_ENDINGS[Ending.FAILED])
    return here or any(is_unanswered(vote) for vote in verdict.votes)


def why_unasked(verdicts: Iterable[Verdict]) -> str:
    """Return the reason of the first verdict that is missing because something ended the asking."""
    for verdict in verdicts:
        if is_unasked(verdict):
            return why_unasked(verdict.votes) or (verdict.reason or "")
    return ""


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
        asked: list[Case] = []
        for case in cases:
            verdict = self._without_request(case)
            if verdict is not None:
                yield verdict
            else:
                asked.append(case)
        firsts = FirstAsks(asked, self._style, self._samples)
        votes: dict[int, list[Verdict]] = {}
        useless: list[Useless] = []
        for number, answer in self._answers(firsts):
            place = firsts.place(number)
            outcome = self._read(asked[place], firsts, number, answer)
            if isinstance(outcome, Useless):
                useless.append(outcome)
            else:
                yield from self._counted(votes, place, outcome)
        for number, answer in self._answers(SecondAsks(firsts, useless, self._style)):
            before = useless[number]
            place = firsts.place(before.first)
            outcome = self._read(asked[place], firsts, before.first, answer, before.usage)
            if isinstance(outcome, Useless):
                outcome = self._unscored(asked[place], outcome.complaint, outcome.usage)
            yield from self._counted(votes, place, outcome)

    def asks(self, cases: Sequence[Case]) -> tuple[FirstAsks, list[Case]]:
        """Return the first request of every case and sample that needs one, and those cases."""
        asked = [case for case in cases if self._without_request(case) is None]
        return FirstAsks(asked, self._style, self._samples), asked

    def _counted(self, votes: dict[int, list[Verdict]], place: int, vote: Verdict) -> Iterator[Verdict]:
        votes.setdefault(place, []).append(vote)
        if len(votes[place]) == self._samples:
            yield self._combined(votes.pop(place))

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

    def _answers(self, asks: Asks) -> Iterator[tuple[int, Answer]]:
        """Yield answers by the number of their request; one that the endpoint forgot has failed."""
        waiting = {asks.key(number): number for number in range(len(asks))}
        if not waiting:
            return
        for answer in self._chat.ask(asks):
            number = waiting.pop(answer.key, None)
            if number is not None:
                yield number, answer
        for key, number in waiting.items():
            yield number, Answer(key, Ending.FAILED, reason="the endpoint gave none")

    def _read(
        self, case: Case, firsts: FirstAsks, number: int, answer: Answer, before: Usage | None = None
    ) -> Verdict | Useless:
        usage = _sum(before or Usage(), answer.usage)
        if answer.ending is not Ending.STOP:
            said, reason = _ENDINGS[answer.ending], answer.reason or ""
            told = reason if reason.startswith(said) else f"{said}: {reason}" if reason else said
            return self._unscored(case, told, usage)
        # What was said of the case, without any answer.
        shown = firsts[number].messages[-1].content
        reply = read_reply(answer.text, len(case.solution.steps), shown=shown)
        if isinstance(reply, Reply):
            return self._verdict(case, reply, usage)
        nothing = answer.reasoning and not answer.text.strip()
        reason = "nothing but thoughts" if nothing else reply.reason
        if reply.mendable:
            return Useless(number, answer.text, reason, usage)
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
