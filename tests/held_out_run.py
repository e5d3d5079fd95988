"""A run folder whose held-out solutions are written and judged, without a model: faults are planted."""

from pathlib import Path
from random import Random

from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import Injected, inject, right_solution
from firstfault.datasets.records import ErrorType, Problem, Solution, Split
from firstfault.datasets.store import write_records
from firstfault.loop.config import RunConfig
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.models import restored_name
from firstfault.loop.stages import wrong_cases

VARIANT = "rtn-w3g32"
RESTORED = restored_name(VARIANT)


def write_held_out_run(path: Path, count: int = 90, *, seed: int = 0) -> tuple[RunFolder, dict[str, int]]:
    """Write a run in which full precision, the variant and the restored one fail ever other shares.

    Returns:
        The folder, and how many faults were planted in each model's solutions.
    """
    rng = Random(seed)
    folder = RunFolder(path)
    config = RunConfig.model_validate({"variants": [{"method": "rtn", "scheme": "W3A16", "group_size": 32}]})
    path.mkdir(parents=True)
    folder.claim(config)
    problems = generate(Split.HELD_OUT, count, seed=seed)
    write_records(folder.problems_path, problems)
    planted: dict[str, int] = {}
    for model, rate in ((FULL_PRECISION, 0.05), (VARIANT, 0.4), (RESTORED, 0.1)):
        found = [_solve(problem, model, rate, rng) for problem in problems]
        planted[model] = sum(isinstance(one, Injected) for one in found)
        solutions = [one.solution if isinstance(one, Injected) else one for one in found]
        truths = {one.solution.id: one.truth for one in found if isinstance(one, Injected)}
        write_records(folder.solutions_path(model, Split.HELD_OUT), solutions, Solution)
        verdicts = [truths[case.solution.id] for case in wrong_cases(folder, model, Split.HELD_OUT)]
        write_records(folder.verdicts_path(model, Split.HELD_OUT), verdicts)
    return folder, planted


def _solve(problem: Problem, model: str, rate: float, rng: Random) -> Solution | Injected:
    named = {"model": model, "tokens": 60 if model == FULL_PRECISION else 66, "id": ""}
    if rng.random() < rate:
        kind = rng.choice((ErrorType.EXECUTION, ErrorType.EXECUTION, ErrorType.CONCEPTUAL))
        found = inject(problem, rng.randrange(problem.level or 1), kind, seed=rng.randrange(99))
        if found is not None and not found.solution.correct:
            return found._replace(solution=Solution.model_validate({**found.solution.model_dump(), **named}))
    return Solution.model_validate({**right_solution(problem).model_dump(), **named})
