"""Teaching full precision the step format before it is quantized: on which solutions, and how.

Right solutions of mining problems, in the format that the run asks for, are what is learnt. It is done once
and before quantization, so that all models of a run have learnt the same and differ in their quantization
alone.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, Self

from pydantic import Field

from ..annotate.grading import Grader
from ..annotate.prompts import Example
from ..annotate.rewriting import in_step_format
from ..annotate.solutions import read_solution
from ..annotate.steps import AnswerForm
from ..datasets.errors import ConfigError, InputError
from ..datasets.overlap import References
from ..datasets.records import Finish, Problem, Solution, Split
from ..restore.config import SftConfig


class FormatTuning(SftConfig):
    """A short SFT of full precision on right solutions of mining problems, before anything is quantized."""

    problems: int = Field(default=200, ge=1)
    """Mining problems that full precision solves for it, under the run's own prompt."""
    file: Path | None = None
    """Solutions of mining problems to learn from instead, a .jsonl or .parquet with `question` or
    `problem_id`, and `solution` or `text`. What is of other problems is passed over."""

    def check(self) -> None:
        """Refuse a file that isn't there.

        Raises:
            InputError: If there is no such file.
        """
        if self.file is not None and not self.file.is_file():
            raise InputError(
                f"format_tuning.file: {self.file}: no such file",
                hint="Give a file of solutions, or leave it out: full precision writes them itself.",
            )

    def with_paths_from(self, folder: Path) -> Self:
        """Make the path absolute, taking a relative one as relative to `folder`."""
        return self if self.file is None else self.model_copy(update={"file": (folder / self.file).resolve()})


class Lesson(NamedTuple):
    """A problem and a right solution of it in the asked format."""

    problem: Problem
    solution: str
    rewritten: bool
    """Whether it was brought into the format."""


def candidates(problems: Sequence[Problem], examples: Iterable[Example]) -> list[Problem]:
    """Return the problems that may be learnt: none that is held out or shown solved in every prompt.

    Problems that were set aside before are among them: they are the same when a stopped run goes on.
    """
    shown = References(Problem(question=one.question, answer="") for one in examples)
    return [
        one for one in problems if one.split is not Split.HELD_OUT and shown.overlap(one.question) is None
    ]


def draw(problems: Sequence[Problem], tuning: FormatTuning) -> list[Problem]:
    """Draw the problems that full precision solves."""
    return Random(tuning.seed).sample(problems, min(tuning.problems, len(problems)))


def is_right(solution: Solution) -> bool:
    """Tell whether a solution is right and ended by itself."""
    return bool(solution.correct) and solution.finish is Finish.STOP


def choose_lessons(
    problems: Sequence[Problem], solutions: Sequence[Solution], grader: Grader, form: AnswerForm
) -> list[Lesson]:
    """Take the right solutions, those that are not in the asked format brought into it.

    Args:
        problems: What they are of.
        solutions: Graded, one per problem at most.
        grader: Decides whether what was rewritten still says the right answer; else it is left out.
        form: Form in which the answer is asked for.

    Raises:
        ConfigError: If none is left.
    """
    known = {one.id: one for one in problems}
    right = [one for one in solutions if is_right(one)]
    lessons: list[Lesson] = []
    for one in right:
        problem = known[one.problem_id]
        text = in_step_format(one.text, form)
        if text is None:
            continue
        again = read_solution(problem, one.model, text, Finish.STOP, None, grader, form)
        if again.correct and again.well_formed:
            lessons.append(Lesson(problem, text, rewritten=text != one.text.strip()))
    if not lessons:
        raise ConfigError(
            f"format_tuning: of {len(solutions)} solutions of mining problems {len(right)} are right, "
            "and none can be brought into the asked format",
            hint="Give solutions with format_tuning.file, or draw more mining problems.",
        )
    return lessons
