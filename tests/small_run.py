"""A run whose first faults have been located, without any model: faults are planted, verdicts are the truth's
or wrong in a known share."""

from pathlib import Path
from random import Random

from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Split, Verdict, VerdictStatus
from firstfault.datasets.store import write_records
from firstfault.loop.config import RunConfig
from firstfault.loop.folder import FULL_PRECISION, RunFolder

VARIANT = "rtn-w3g32"


def make_run(
    path: Path, regressions: int = 30, *, wrong: float = 0.2, spare: int = 20, seed: int = 0
) -> RunFolder:
    """Write a run folder.

    Args:
        path: Where; must not exist.
        regressions: How many the variant has.
        wrong: Share of them on which the panel names another step, with low confidence.
        spare: Problems that it solves, on which gold can be planted.
        seed: Of everything.
    """
    rng = Random(seed)
    folder = RunFolder(path)
    config = RunConfig.model_validate({"variants": [{"method": "rtn", "scheme": "W3A16", "group_size": 32}]})
    assert config.main.name == VARIANT
    path.mkdir(parents=True)
    folder.claim(config)
    problems, faulty, full, verdicts = [], [], [], []
    for number, problem in enumerate(generate(Split.MINING, 2 * regressions + spare, seed=seed)):
        right = right_solution(problem)
        planted = None
        if len(verdicts) < regressions:
            kind = list(ErrorType)[number % 4]
            planted = inject(problem, rng.randrange(problem.level), kind, seed=seed)
        if planted is None:
            if len(problems) - len(verdicts) < spare:
                problems.append(problem)
                faulty.append(right.model_copy(update={"model": VARIANT}))
            continue
        problems.append(problem)
        full.append(right.model_copy(update={"model": FULL_PRECISION}))
        faulty.append(planted.solution.model_copy(update={"model": VARIANT}))
        verdicts.append(_judged(planted.truth, len(planted.solution.steps), rng, rng.random() < wrong))
    assert len(verdicts) == regressions
    write_records(folder.problems_path, problems)
    write_records(folder.solutions_path(VARIANT, Split.MINING), faulty)
    write_records(folder.solutions_path(FULL_PRECISION, Split.MINING), full)
    write_records(folder.verdicts_path(VARIANT, Split.MINING), verdicts)
    return folder


def _judged(truth: Verdict, steps: int, rng: Random, is_wrong: bool) -> Verdict:
    others = [step for step in range(steps) if step != truth.first_fault]
    step = rng.choice(others) if is_wrong else truth.first_fault
    stated = {
        "judge": "panel",
        "first_fault": step,
        "confidence": round(rng.uniform(0.3, 0.6) if is_wrong else rng.uniform(0.6, 1), 3),
        "rationale": f"The value in step {step + 1} is wrong.",
        "needs_review": is_wrong,
    }
    vote = {"solution_id": truth.solution_id, "status": VerdictStatus.FAULTY, "error_type": truth.error_type}
    votes = (
        Verdict(judge="symbolic", first_fault=step, **vote),
        Verdict(judge="llm", first_fault=truth.first_fault, **vote),
    )
    return truth.model_copy(update={**stated, "votes": votes})
