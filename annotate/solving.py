"""Having a model solve problems: one graded solution of each."""

from collections.abc import Callable, Sequence

from ..datasets.records import Problem, Solution
from .engines.engine import Engine, Prompt, Sampling
from .grading import Grader
from .solutions import read_solution
from .steps import AnswerForm


def solve(
    engine: Engine,
    problems: Sequence[Problem],
    sampling: Sampling,
    grader: Grader,
    *,
    form: AnswerForm = "line",
    done: Callable[[int], None] | None = None,
) -> list[Solution]:
    """Return a model's graded solutions in the order of the problems.

    Args:
        engine: Of the model; solutions stand under its name.
        problems: What is asked, each once.
        sampling: How tokens are chosen. Of several samples the last one stays.
        grader: Decides which answers are right.
        form: Form in which the answer was asked for.
        done: Told about every solution, for engines that tell nothing themselves.

    Raises:
        FirstFaultError: If the engine fails.
    """
    known = {problem.id: problem for problem in problems}
    prompts = [Prompt(problem.id, problem.question) for problem in problems]
    found: dict[str, Solution] = {}
    for one in engine.generate(prompts, sampling):
        found[one.key] = read_solution(
            known[one.key], engine.name, one.text, one.finish, one.tokens, grader, form
        )
        if done is not None:
            done(1)
    return [found[problem.id] for problem in problems]
