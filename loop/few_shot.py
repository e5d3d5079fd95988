"""Solved problems that every prompt of a run starts with: given, from a file, or from the mining split.

They are chosen once, before anything is quantized, and are the same for every model, so that models differ in
their weights alone. None may be held out, and mining problems that are shown solved are mined no more.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from pydantic import Field, ValidationError

from ..annotate.prompts import Example, PromptFormat
from ..datasets.config import Config
from ..datasets.errors import ConfigError, InputError
from ..datasets.overlap import References
from ..datasets.records import Finish, Problem, Solution, Split
from ..datasets.tables import read_table

TRIES = 8
"""Mining problems that full precision solves per example that is wanted."""


class FewShot(Config):
    """Where solved problems for the prompt come from: a file, else the mining split."""

    file: Path | None = None
    """Table with the columns `question` and `solution`, its first `count` rows. When left out, full precision
    solves mining problems under the system message alone; right solutions in the asked format are taken."""
    count: int = Field(default=4, ge=1)
    """Solved problems per prompt."""
    seed: int = 0
    """Of the draw from the mining split."""

    def with_paths_from(self, folder: Path) -> "FewShot":
        """Make the path absolute, taking a relative one as relative to `folder`."""
        return self if self.file is None else self.model_copy(update={"file": (folder / self.file).resolve()})


class RunPrompt(PromptFormat):
    """How a run puts its questions."""

    few_shot: FewShot | None = None
    """Solved problems to add to `examples`."""

    def given(self) -> tuple[Example, ...]:
        """Return the examples that stand before any model has run.

        Raises:
            InputError: If the file can't be read or holds too few.
        """
        if self.few_shot is None or self.few_shot.file is None:
            return self.examples
        return self.examples + read_examples(self.few_shot.file, self.few_shot.count)

    def plain(self, examples: Sequence[Example]) -> PromptFormat:
        """The format with these examples and no others."""
        return PromptFormat(answer=self.answer, system=self.system, examples=tuple(examples))


def read_examples(path: Path, count: int) -> tuple[Example, ...]:
    """Read the first `count` rows of a table as solved problems.

    Raises:
        InputError: Naming file and line: no question, no solution. Naming the file: too few rows.
    """
    examples: list[Example] = []
    for where, row in read_table(path):
        if isinstance(row, InputError):
            raise row
        try:
            examples.append(Example(question=row.get("question", ""), solution=row.get("solution", "")))
        except ValidationError as error:
            field = error.errors()[0]["loc"][0]
            raise InputError(
                f"{where}: no {field}", hint="An example has the columns question and solution."
            ) from None
        if len(examples) == count:
            return tuple(examples)
    raise InputError(
        f"{path}: {len(examples)} examples, not {count}", hint="Add some, or lower prompt.few_shot.count."
    )


def refuse_held_out(examples: Sequence[Example], held_out: Iterable[Problem]) -> None:
    """Refuse solved problems that are measured on.

    Raises:
        ConfigError: Naming the first that is held out, or may be in other words.
    """
    if not examples:
        return
    references = References(held_out)
    for number, example in enumerate(examples, 1):
        kind = references.overlap(example.question)
        if kind is not None:
            raise ConfigError(
                f"prompt: example {number} is a held-out problem ({kind} overlap): the answer would be shown",
                hint="Take examples from mining problems only.",
            )


def draw_candidates(problems: Sequence[Problem], few_shot: FewShot) -> list[Problem]:
    """Draw the mining problems whose solutions may become examples.

    Problems that were set aside before are in the draw: it is the same when a stopped run goes on.
    """
    pool = [one for one in problems if one.split is not Split.HELD_OUT]
    return Random(few_shot.seed).sample(pool, min(TRIES * few_shot.count, len(pool)))


def choose_solved(
    candidates: Sequence[Problem], solutions: Sequence[Solution], count: int
) -> tuple[Example, ...]:
    """Take the first right solutions in the asked format.

    Raises:
        ConfigError: If there are too few.
    """
    questions = {one.id: one.question for one in candidates}
    good = [one for one in solutions if one.correct and one.well_formed and one.finish is Finish.STOP]
    if len(good) < count:
        raise ConfigError(
            f"prompt.few_shot: of {len(solutions)} mining problems full precision solves {len(good)} "
            f"in the asked format, not {count}",
            hint="Give solved problems with prompt.few_shot.file, or ask for fewer with count.",
        )
    return tuple(Example(question=questions[one.problem_id], solution=one.text) for one in good[:count])


def set_aside(problems: Sequence[Problem], examples: Sequence[Example]) -> list[Problem]:
    """Take mining problems that are shown solved, or may be in other words, out of mining."""
    shown = References(Problem(question=one.question, answer="") for one in examples)
    return [
        one.model_copy(update={"split": Split.TRAIN})
        if one.split is Split.MINING and shown.overlap(one.question) is not None
        else one
        for one in problems
    ]
