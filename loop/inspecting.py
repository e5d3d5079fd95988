"""The stage that looks at every held-out solution of every model alike, right ones too, without a model."""

from ..annotate.grading import Grader
from ..datasets.records import Split
from ..datasets.store import read_records, write_records
from ..judge.case import Case
from ..judge.inspection import Inspection, inspect
from .config import RunConfig
from .folder import FULL_PRECISION, RunFolder
from .models import restored_name
from .progress import Reporter


def compared_models(config: RunConfig) -> list[str]:
    """Name all models that are measured on the held-out problems: full precision first, the restored last."""
    variants = [recipe.name for recipe in config.variants]
    return [FULL_PRECISION, *variants, restored_name(config.main.name)]


def inspect_solutions(config: RunConfig, folder: RunFolder, reporter: Reporter) -> None:
    """Write what every held-out solution shows."""
    known = {problem.id: problem for problem in folder.problems(Split.HELD_OUT)}
    for model in compared_models(config):
        out = folder.inspections_path(model)
        if out.is_file():
            continue
        cases = [
            Case(known[solution.problem_id], solution) for solution in folder.solutions(model, Split.HELD_OUT)
        ]
        title = f"Looking through held-out solutions: {model.replace('_', ' ')}"
        found: list[Inspection] = []
        with Grader() as grader, reporter.task(title, total=len(cases)) as done:
            for inspection in inspect(cases, grader):
                found.append(inspection)
                done(1)
        write_records(out, found, Inspection)


def read_inspections(folder: RunFolder, model: str) -> list[Inspection]:
    """Read what one model's held-out solutions show; empty in a run that has not looked yet."""
    path = folder.inspections_path(model)
    return read_records(path, Inspection) if path.is_file() else []
