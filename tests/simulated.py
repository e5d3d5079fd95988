"""A judge model that is simulated: the abacus oracle with a known rate of error, behind the chat contract.

It knows nothing but what it is asked: it reads question and steps out of the fences of the request, looks up
the truth about them, and errs by a draw that depends on the request alone, so that the order and number
of requests never change an answer. Where the way there does not matter it also judges cases at once.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from firstfault.annotate.engines.chat import Answer, Ask, Ending, Message
from firstfault.datasets.oracle import oracle
from firstfault.datasets.records import SUBTYPES, ErrorType, Usage, Verdict, VerdictStatus, content_id
from firstfault.judge.case import Case
from firstfault.judge.fence import restored

Confusion = Mapping[ErrorType, Mapping[ErrorType, float]]
"""Per true type, how often which type is said; rows sum to 1."""

Truth = Mapping[tuple[str, tuple[str, ...]], Verdict]
"""What is true of a question and its steps."""

_FENCE = re.compile(r'^<(question|step)(?: number="\d+")?>\n(.*?)\n</\1>$', re.DOTALL | re.MULTILINE)


def fenced(message: str) -> tuple[str, tuple[str, ...]]:
    """Question and steps of a request, as they were before they were fenced."""
    found = [(name, restored(text)) for name, text in _FENCE.findall(message)]
    [question] = [text for name, text in found if name == "question"]
    return question, tuple(text for name, text in found if name == "step")


def truths(cases: Sequence[Case]) -> Truth:
    """Ask the oracle about every case."""
    return {(c.problem.question, c.solution.steps): oracle(c.problem, c.solution) for c in cases}


def reply_text(steps: int, fault: int | None, error_type: ErrorType | None = None, **changes: object) -> str:
    """A well-formed reply; `fault` is 0-based. Changes replace fields."""
    checked = steps if fault is None else fault + 1
    findings = [
        {"step": n, "reason": "checked", "verdict": "wrong" if n - 1 == fault else "right"}
        for n in range(1, checked + 1)
    ]
    content = {
        "steps": findings,
        "first_fault": None if fault is None else fault + 1,
        "error_type": error_type.value if error_type else None,
        "subtype": SUBTYPES[error_type][0].value if error_type else None,
        "rationale": "" if fault is None else "it is wrong",
        "corrected_step": None if fault is None else "as it should be",
        "confidence": 0.9,
    }
    return json.dumps(content | changes)


class Finding(NamedTuple):
    """What a simulated judge says of one case."""

    fault: int | None
    error_type: ErrorType | None
    confidence: float


class SimulatedJudge:
    """Answers about abacus cases.

    Args:
        cases: What it may be asked about, or what is true of it where that is known.
        name: Also seeds it: judges of other names err independently.
        accuracy: Share of cases whose first fault (or absence of one) it names exactly.
        confusion: Of the types it says where it finds the step; the true type where left out.
        broken: Share of first answers that are no reply.
        shared: Share of its draws that all simulated judges have in common, for correlated errors.
        tells: Mean confidence where it is right and where it is wrong; the spread is 0.1.
    """

    def __init__(
        self,
        cases: Sequence[Case] | Truth,
        *,
        name: str = "simulated",
        accuracy: float = 1.0,
        confusion: Confusion | None = None,
        broken: float = 0.0,
        shared: float = 0.0,
        tells: tuple[float, float] = (0.85, 0.6),
        seed: int = 0,
    ) -> None:
        self.name = name
        self.asked: Counter[str] = Counter()
        self._truth = cases if isinstance(cases, Mapping) else truths(cases)
        self._accuracy, self._confusion = accuracy, confusion or {}
        self._broken, self._shared, self._tells, self._seed = broken, shared, tells, seed

    def ask(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer in an order of its own."""
        for one in sorted(asks, key=lambda ask: content_id("order", ask.key)):
            self.asked[one.key] += 1
            text = self.answer(one.messages, one.sample)
            yield Answer(one.key, Ending.STOP, text, usage=Usage(requests=1, prompt_tokens=7))

    def answer(self, messages: Sequence[Message], sample: int = 0) -> str:
        """The text of one answer; what an HTTP endpoint would put in its body."""
        user = messages[-1].content
        question, steps = fenced(user)
        own = self._own(question, steps, sample)
        if own.random() < self._broken and "<complaint>" not in user:
            return own.choice(["", "I think step 2 is wrong.", '{"steps": [', '{"first_fault": 99}'])
        found = self.finding(question, steps, sample)
        return reply_text(len(steps), found.fault, found.error_type, confidence=found.confidence)

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Judge cases in process: the verdicts that asking it would give, one request each."""
        for case in cases:
            found = self.finding(case.problem.question, case.solution.steps)
            yield Verdict(
                solution_id=case.solution.id,
                judge=self.name,
                status=VerdictStatus.CLEAN if found.fault is None else VerdictStatus.FAULTY,
                first_fault=found.fault,
                error_type=found.error_type,
                confidence=found.confidence,
                usage=Usage(requests=1, prompt_tokens=7),
            )

    def finding(self, question: str, steps: tuple[str, ...], sample: int = 0) -> Finding:
        """What it says of a case whenever its answer is not broken."""
        truth = self._truth[question, steps]
        own = self._own(question, steps, sample)
        own.random()  # the draw that decides whether the answer is broken
        common = Random(f"{self._seed}:{sample}:{question}:{steps}")
        draw = common if own.random() < self._shared else own
        is_right = draw.random() < self._accuracy
        places: list[int | None] = [None, *range(len(steps))]
        fault = truth.first_fault
        if not is_right:
            fault = draw.choice([place for place in places if place != truth.first_fault])
        sure = min(1.0, max(0.0, draw.gauss(self._tells[0] if is_right else self._tells[1], 0.1)))
        return Finding(fault, self._said(truth.error_type, fault, draw), round(sure, 3))

    def _own(self, question: str, steps: tuple[str, ...], sample: int) -> Random:
        return Random(f"{self._seed}:{self.name}:{sample}:{question}:{steps}")

    def _said(self, true: ErrorType | None, fault: int | None, draw: Random) -> ErrorType | None:
        if fault is None:
            return None
        if true is None:
            return draw.choice(list(ErrorType))
        row = self._confusion.get(true, {true: 1.0})
        return draw.choices(list(row), weights=list(row.values()))[0]
