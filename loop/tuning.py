"""The stage that teaches full precision the step format, and what the run's models have of it."""

from ..annotate.compare import compare
from ..annotate.grading import Grader
from ..annotate.prompts import Example
from ..annotate.solutions import read_generations
from ..datasets.errors import InputError
from ..datasets.provenance import FormatTuned
from ..datasets.records import Problem, Split
from ..datasets.store import read_records, write_records
from ..quant.checkpoint import weights_sha256
from ..restore.sft import Text, fine_tune
from .few_shot import set_aside
from .folder import FORMAT_TUNING, FULL_PRECISION, UNTUNED, RunFolder
from .format_tuning import Lesson, candidates, choose_lessons, draw, is_right
from .models import Models
from .progress import Reporter
from .report import FormatTuningReport
from .stages import solve_part


def tune_format(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Make the full-precision model that everything after this stage is based on.

    Problems that it learnt solutions of leave mining, like those that may be the same in other words, since
    pairs must not be of what the model has seen solved.

    Raises:
        ConfigError: If no solution can be learnt from.
        InputError: If no mining problem is left, or the file of solutions can't be read.
        ModelError: If the model can't be loaded, or is quantized.
    """
    tuning = models.config.format_tuning
    if tuning is None or folder.facts_path(FORMAT_TUNING).is_file():
        return
    problems = read_records(folder.problems_path, Problem)
    pool = candidates(problems, models.prompt.examples)
    form = models.config.prompt.answer
    if tuning.file is None:
        pool = draw(pool, tuning)
        solve_part(models, folder, reporter, UNTUNED, FORMAT_TUNING, pool)
    models.release()
    with Grader() as grader:
        solutions = (
            folder.solutions(UNTUNED, FORMAT_TUNING)
            if tuning.file is None
            else read_generations(tuning.file, pool, "file", grader, others=True)
        )
        lessons = choose_lessons(pool, solutions, grader, form)
    kept = set_aside(problems, [Example(question=one.problem.question, solution=" ") for one in lessons])
    if not any(one.split is Split.MINING for one in kept):
        raise InputError(
            "mining: no problem is left beside those that the step format is taught on",
            hint="Mine more problems, or lower format_tuning.problems.",
        )
    write_records(folder.problems_path, kept)
    texts = _texts(models, lessons)
    steps = tuning.steps(len(texts))
    with reporter.task(f"Teaching the step format: {models.original.name}", total=steps) as done:
        tuned = fine_tune(models.original, texts, tuning, models.base, progress=lambda step, of: done(1))
    made = FormatTuned(
        model=models.original.name,
        sha256=weights_sha256(models.original),
        given=tuning.file is not None,
        read=len(solutions),
        right=sum(map(is_right, solutions)),
        rewritten=sum(one.rewritten for one in lessons),
        learnt=tuned.texts,
    )
    folder.write_facts(FORMAT_TUNING, made.model_dump(mode="json"))


def format_tuned(folder: RunFolder) -> FormatTuned | None:
    """Say how a run's full-precision model was taught the step format; `None` where it was not."""
    facts = folder.facts(FORMAT_TUNING)
    return FormatTuned.model_validate(facts) if facts else None


def measure_format_tuning(folder: RunFolder) -> FormatTuningReport | None:
    """Compare full precision before and after on held-out problems; `None` where nothing was taught."""
    made = format_tuned(folder)
    if made is None:
        return None
    found = compare(
        folder.solutions(UNTUNED, Split.HELD_OUT), folder.solutions(FULL_PRECISION, Split.HELD_OUT)
    )
    return FormatTuningReport(made=made, before=found.full_precision, after=found.variant)


def _texts(models: Models, lessons: list[Lesson]) -> list[Text]:
    render = models.renderer()
    return [Text(render(one.problem.question, ""), one.solution) for one in lessons]
