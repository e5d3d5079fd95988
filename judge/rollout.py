"""The judge that tries: from which step on can the reference answer no longer be reached?

Full precision continues the solution from a prefix of its steps; the first fault is the step after
which it no longer reaches the reference answer although it did before that step. Found by bisection,
as in OmegaPRM (arXiv 2406.06592), with all open cases in one batch per round. What it can't see: a
fault that the full-precision model repairs, and a fault that leads to the right answer.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

from ..annotate.engines.engine import Completion, Engine, Prompt, Sampling
from ..annotate.steps import prefix_before, split_steps
from ..datasets.records import ErrorType, Problem, Usage, Verdict, VerdictStatus
from .case import Case
from .contrast import Fault, corresponding_step, type_fault
from .degenerate import find_degeneration

Reaches = Callable[[Problem, str], bool]
"""Whether a full solution text reaches the problem's reference answer."""


class _Probe(NamedTuple):
    """A question to the engine: continue the first `kept` steps."""

    kept: int
    prefix: str
    sampled: bool


class _Outcome(NamedTuple):
    """What came of a probe."""

    success: str | None
    """The full text of a solution that reached the answer, if enough did."""
    share: float
    """Share of the tries that reached it."""


_Search = Generator[_Probe, list[Completion], Verdict]


class RolloutJudge:
    """Finds the first step after which full precision no longer reaches the reference answer.

    Args:
        engine: The full-precision model.
        reaches: Grades a full solution text against the problem's reference.
        sampling: Length and seed of continuations. They are greedy, whatever its temperature.
        samples: Further tries at the step where the search ends, to be sure that it fails; 0 trusts
            the greedy one.
        temperature: Temperature of those.
        share: Share of them that must reach the answer for the step to be cleared, in (0, 1].
    """

    name = "rollout"

    def __init__(
        self,
        engine: Engine,
        reaches: Reaches,
        *,
        sampling: Sampling,
        samples: int = 4,
        temperature: float = 0.7,
        share: float = 0.5,
    ) -> None:
        self._engine = engine
        self._reaches = reaches
        self._greedy = sampling.model_copy(update={"temperature": 0.0, "samples": 1})
        self._sampled = sampling.model_copy(update={"temperature": temperature, "samples": max(1, samples)})
        self._confirms = samples > 0
        self._share = share

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield one verdict per case, as they are found; every round asks the engine about all open ones."""
        searches = {index: self._search(case) for index, case in enumerate(cases)}
        probes: dict[int, _Probe] = {}
        answers: dict[int, list[Completion]] = {}
        spent = [Usage() for _ in cases]
        while searches:
            for index, search in list(searches.items()):
                try:
                    probes[index] = search.send(answers[index]) if index in answers else next(search)
                except StopIteration as end:
                    verdict: Verdict = end.value
                    yield verdict.model_copy(update={"usage": spent[index]})
                    del searches[index]
                    probes.pop(index, None)
            answers = self._ask(cases, probes)
            for index, completions in answers.items():
                spent[index] = _add(spent[index], completions)

    def _ask(self, cases: Sequence[Case], probes: dict[int, _Probe]) -> dict[int, list[Completion]]:
        answers: dict[int, list[Completion]] = {index: [] for index in probes}
        for sampled, sampling in ((False, self._greedy), (True, self._sampled)):
            prompts = [
                Prompt(str(index), cases[index].problem.question, probe.prefix)
                for index, probe in probes.items()
                if probe.sampled is sampled
            ]
            if prompts:
                for completion in self._engine.generate(prompts, sampling):
                    answers[int(completion.key)].append(completion)
        for completions in answers.values():
            completions.sort(key=lambda one: one.sample)
        return answers

    def _search(self, case: Case) -> _Search:
        problem, solution = case.problem, case.solution
        if not solution.steps:
            return self._verdict(case, VerdictStatus.UNSCORED, reason="no steps")
        if self._reaches(problem, solution.text):
            return self._verdict(case, VerdictStatus.CLEAN, confidence=0.9)
        try:
            prefixes = [prefix_before(solution.text, solution.steps, at) for at in range(len(solution.steps))]
        except ValueError as error:
            return self._verdict(case, VerdictStatus.UNSCORED, reason=str(error))
        right = self._known(case)
        if right is None:
            right = (yield from self._try(problem, prefixes, 0, sampled=False)).success
        if right is None and self._confirms:
            right = (yield from self._try(problem, prefixes, 0, sampled=True)).success
        if right is None:
            return self._verdict(
                case,
                VerdictStatus.UNSURE,
                reason="full precision does not reach the reference answer from the start",
            )
        low, failing, doubt = 0, [len(solution.steps)], 0.0
        while True:
            low = min(max(low, _shared(split_steps(right).steps, solution.steps)), failing[-1] - 1)
            if failing[-1] - low > 1:
                middle = (low + failing[-1]) // 2
                tried = yield from self._try(problem, prefixes, middle, sampled=False)
            elif self._confirms and failing[-1] < len(solution.steps):
                middle = failing[-1]
                tried = yield from self._try(problem, prefixes, middle, sampled=True)
                doubt = tried.share
                if tried.success is None:
                    break
                failing.pop()
            else:
                break
            if tried.success is None:
                failing.append(middle)
            else:
                low, right = middle, tried.success
        # The end of a text that was already known to be wrong needs no tries to be sure.
        sure = 1.0 if failing[-1] == len(solution.steps) else 1 - doubt
        return self._faulty(case, low, right, confidence=round(0.5 + 0.45 * sure, 3))

    def _known(self, case: Case) -> str | None:
        known = case.full_precision
        return known.text if known is not None and self._reaches(case.problem, known.text) else None

    def _try(
        self, problem: Problem, prefixes: Sequence[str], kept: int, *, sampled: bool
    ) -> Generator[_Probe, list[Completion], _Outcome]:
        completions = yield _Probe(kept, prefixes[kept], sampled)
        texts = [prefixes[kept] + completion.text for completion in completions]
        right = [text for text in texts if self._reaches(problem, text)]
        share = len(right) / len(texts) if texts else 0.0
        return _Outcome(right[0] if right and share >= self._share else None, share)

    def _faulty(self, case: Case, step: int, right: str, *, confidence: float) -> Verdict:
        steps = case.solution.steps
        expected = split_steps(right).steps[step:]
        fault = _kind(case, step, expected)
        return self._verdict(
            case,
            VerdictStatus.FAULTY,
            first_fault=step,
            error_type=fault.error_type if fault else None,
            subtype=fault.subtype if fault else None,
            rationale=fault.rationale
            if fault
            else "Full precision reaches the answer before this step, not after.",
            corrected_step=corresponding_step(steps[step], expected) if expected else None,
            confidence=confidence,
        )

    def _verdict(self, case: Case, status: VerdictStatus, **fields: object) -> Verdict:
        return Verdict.model_validate(
            {"solution_id": case.solution.id, "judge": self.name, "status": status, **fields}
        )


def _kind(case: Case, step: int, expected: Sequence[str]) -> Fault | None:
    broken = find_degeneration(case.problem, case.solution)
    if broken is not None and broken.step == step:
        return Fault(ErrorType.DEGENERATE, broken.subtype, broken.rationale)
    if not expected:
        return None
    steps = case.solution.steps
    right = corresponding_step(steps[step], expected)
    return type_fault(case.problem.question, steps[:step], steps[step], right)


def _shared(right: Sequence[str], steps: Sequence[str]) -> int:
    """Count the leading steps that a right solution shares: full precision passes them anyway."""
    shared = 0
    for mine, theirs in zip(right, steps, strict=False):
        if mine != theirs:
            break
        shared += 1
    return shared


def _add(usage: Usage, completions: Sequence[Completion]) -> Usage:
    return Usage(
        requests=usage.requests + len(completions),
        completion_tokens=usage.completion_tokens + sum(completion.tokens for completion in completions),
    )
