"""What a hostile endpoint does to requests about solutions, and what becomes of them if that is told truly.

Two things are drawn by a seed and the conversation: what it is answered once it is (a verdict, or something
that is none), and how each attempt fails before. The reasons to be found in verdicts are written out here
and not taken from the code that gives them.
"""

import json
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from firstfault.annotate.engines.chat import Message
from firstfault.judge.case import Case
from hostile import CUT, GARBAGE, HANG, RESET, SLOW, Act
from simulated import Finding, SimulatedJudge, fenced, reply_text


class Answer(NamedTuple):
    """What a conversation is answered."""

    act: Act
    reason: str | None = None
    """What has to stand in the verdict if this is the end; `None` for a verdict."""
    is_asked_again: bool = False
    """Whether the judge has to ask once more after it."""


class Failure(NamedTuple):
    """How an attempt fails."""

    act: Act
    reason: str


FAILURES = (
    Failure(Act(429), "HTTP 429"),
    Failure(Act(429, headers=(("retry-after", "1"),)), "HTTP 429"),
    Failure(Act(500), "HTTP 500"),
    Failure(Act(500), "HTTP 500"),
    Failure(Act(503, headers=(("retry-after", "0"),)), "HTTP 503"),
    Failure(RESET, "the connection was lost before the whole answer had come"),
    Failure(CUT, "the connection was lost before the whole answer had come"),
    Failure(GARBAGE, "the answer was not HTTP"),
    Failure(Act(body="<html>502</html>"), "HTTP 200, but the body is not a JSON object"),
    Failure(Act(body='{"choices": []}'), "HTTP 200, but the body has no choices"),
)
TIMEOUT = 5.0
"""Seconds that the judge waits for an answer."""
HANGS = Failure(HANG, f"no answer within {TIMEOUT:g} s")
REFUSED_FOR_GOOD = Failure(Act(400, message="the context is too long"), "HTTP 400: the context is too long")
DOWN_FOR_GOOD = Failure(Act(500), "HTTP 500")
_FAILS = 0.3
_HANGS = 0.005
_FOR_GOOD = ((0.02, REFUSED_FOR_GOOD), (0.03, DOWN_FOR_GOOD), (0.031, HANGS))

ODD = (
    "length",
    "refusal",
    "filter",
    "sorry",
    "prose",
    "cut",
    "contradiction",
    "no such step",
    "type",
    "empty",
)
_IS_ODD = 0.3


class Misdeeds:
    """A simulated judge behind an endpoint that does all this to it.

    Args:
        cases: What it may be asked about.
        seed: Same seed and conversation, same deeds.
    """

    def __init__(self, cases: Sequence[Case], seed: int = 0) -> None:
        self._judge = SimulatedJudge(cases, accuracy=0.8, seed=seed)
        self._seed = seed
        self._last: dict[tuple[str, tuple[str, ...]], tuple[str, Failure | Answer]] = {}

    def plan(self, text: str, number: int) -> Act:
        """Do something to an attempt, and remember it."""
        question, steps = fenced(text)
        deed = self._failure(text, number) or self.answer(text)
        self._last[question, steps] = (text, deed)
        return deed.act

    def answer(self, text: str) -> Answer:
        """What a conversation is answered once it is."""
        rng = self._rng(text, "answer")
        if rng.random() < _IS_ODD:
            return self._odd(text, rng.choice(ODD))
        content = self._judge.answer([Message(role="user", content=text)])
        act = Act(content=rng.choice((content, f"```json\n{content}\n```", f"Here it is: {content} Well.")))
        return Answer(rng.choice((act, act, act._replace(end=SLOW.end), act._replace(usage=None))))

    def outcome(self, case: Case) -> Finding | str:
        """What has to become of a case: a finding, or a reason that has to be given."""
        _, deed = self._last[case.problem.question, case.solution.steps]
        if isinstance(deed, Failure):
            return deed.reason if deed.reason.startswith("no answer") else f"no answer: {deed.reason}"
        if deed.reason is not None:
            return deed.reason
        return self._judge.finding(case.problem.question, case.solution.steps)

    def kind(self, case: Case) -> str:
        """The last deed in short."""
        _, deed = self._last[case.problem.question, case.solution.steps]
        return deed.reason or "a verdict"

    def _failure(self, text: str, number: int) -> Failure | None:
        fate = self._rng("".join(fenced(text)[1]), fenced(text)[0]).random()
        for below, failure in _FOR_GOOD:
            if fate < below:
                return failure
        rng = self._rng(text, number)
        if rng.random() < _HANGS:
            return HANGS
        return rng.choice(FAILURES) if rng.random() < _FAILS else None

    def _odd(self, text: str, kind: str) -> Answer:
        steps = len(fenced(text)[1])
        right = reply_text(steps, None)
        if kind == "length":
            return Answer(Act(content=right[:20], finish="length"), "the answer was cut off at the limit")
        if kind == "refusal":
            return Answer(Act(content=None, message={"refusal": "I can't."}), "the model refused")
        if kind == "filter":
            return Answer(Act(content="", finish="content_filter"), "content filter stopped the answer")
        if kind == "sorry":
            return Answer(Act(content="I'm sorry, I can't help with that."), "refused: I'm sorry")
        findings = [{"step": n, "reason": "", "verdict": "wrong"} for n in range(1, steps + 1)]
        content, reason = {
            "prose": ("Step 2 looks wrong to me.", "no JSON object in the answer"),
            "cut": (right[: len(right) // 2], "broken JSON"),
            "contradiction": (json.dumps(json.loads(right) | {"steps": findings}), "but first_fault is null"),
            "no such step": (reply_text(steps, None, first_fault=steps + 7), f"of a solution of {steps}"),
            "type": (json.dumps(json.loads(right) | {"error_type": "typo"}), "error_type"),
            "empty": ("", "empty answer"),
        }[kind]
        return Answer(Act(content=content), reason, is_asked_again=True)

    def _rng(self, *parts: object) -> Random:
        return Random(json.dumps([self._seed, *map(str, parts)]))
