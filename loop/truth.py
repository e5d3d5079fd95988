"""How well the judges of a run agree with the truth, where the problems come with one (abacus)."""

from collections.abc import Iterator, Sequence

from ..datasets.injector import Injected, inject, right_solution
from ..datasets.oracle import oracle
from ..datasets.records import ErrorType, Problem, Split, Verdict, VerdictStatus
from ..datasets.store import read_records
from ..judge.agreement import Agreement, measure_agreement
from ..judge.case import Case
from ..judge.symbolic import SymbolicJudge
from .config import RunConfig
from .folder import RunFolder
from .report import JudgeAgreement
from .stages import wrong_cases


def measure_judges(config: RunConfig, folder: RunFolder) -> None:
    """Write each judge's agreement with the truth; nothing where the problems have none."""
    if config.problems.abacus is None or folder.facts_path("judges").is_file():
        return
    rows = [*_on_regressions(config, folder), *_on_injected(config, folder)]
    folder.write_facts("judges", {"rows": [row.model_dump(mode="json") for row in rows]})


def injected_errors(problems: Sequence[Problem], count: int, types: Sequence[ErrorType]) -> list[Injected]:
    """Plant `count` errors, the types in turn, at steps that go round."""
    planted: list[Injected] = []
    place = 0
    while len(planted) < count and place < 50 * max(count, 1):
        problem = problems[place % len(problems)]
        turn = place // len(problems)
        step = (place + turn) % max(1, problem.level or 1)
        found = inject(problem, step, types[place % len(types)], seed=turn)
        if found is not None:
            planted.append(found)
        place += 1
    return planted


def _on_regressions(config: RunConfig, folder: RunFolder) -> Iterator[JudgeAgreement]:
    name = config.main.name
    cases = wrong_cases(folder, name, Split.MINING)
    verdicts = read_records(folder.verdicts_path(name, Split.MINING), Verdict)
    by_judge: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for case, verdict in zip(cases, verdicts, strict=True):
        truth = oracle(case.problem, case.solution)
        by_judge.setdefault(verdict.judge, []).append((verdict, truth))
        for vote in verdict.votes:
            by_judge.setdefault(vote.judge, []).append((vote, truth))
    for judge, pairs in by_judge.items():
        yield JudgeAgreement(cases="regressions", agreement=measure_agreement(judge, pairs))


def _on_injected(config: RunConfig, folder: RunFolder) -> Iterator[JudgeAgreement]:
    problems = folder.problems(Split.MINING)
    known = {problem.id: problem for problem in problems}
    for types, name in (
        ((ErrorType.EXECUTION,), "injected execution errors"),
        (tuple(ErrorType), "injected errors of all types"),
    ):
        planted = injected_errors(problems, config.judge.injected, types)
        if planted:
            cases = [Case(known[one.solution.problem_id], one.solution) for one in planted]
            yield JudgeAgreement(cases=name, agreement=_symbolic(cases, [one.truth for one in planted]))
    cases = [Case(problem, right_solution(problem)) for problem in problems]
    truths = [
        Verdict(solution_id=case.solution.id, judge="oracle", status=VerdictStatus.CLEAN) for case in cases
    ]
    yield JudgeAgreement(cases="right solutions", agreement=_symbolic(cases, truths))


def _symbolic(cases: Sequence[Case], truths: Sequence[Verdict]) -> Agreement:
    judge = SymbolicJudge()
    return measure_agreement(judge.name, zip(judge.judge(cases), truths, strict=True))
