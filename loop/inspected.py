"""The regularities as they are measured: on the held-out problems, from what was written and inspected."""

from collections.abc import Mapping
from typing import NamedTuple

from ..annotate.alignment import align, parting_step
from ..annotate.hazard import Course, compare_hazards, earliness, life_table
from ..annotate.lengths import length_growth, paired_lengths
from ..annotate.losses import losses
from ..annotate.self_recovery import compare_recovery, self_recovery
from ..annotate.uncommitted import count_uncommitted
from ..datasets.records import ErrorType, Solution, Split, Verdict, VerdictStatus
from ..judge.case import Case
from ..judge.inspection import Inspection, course, kind
from ..judge.mix import KindsOf, MixComparison, compare_mixes
from .config import RunConfig
from .folder import FULL_PRECISION, RunFolder
from .inspecting import compared_models, read_inspections
from .models import restored_name
from .regularities import Against, Labelled, Locator, ModelCourses, Regularities
from .stages import wrong_cases


class _Model(NamedTuple):
    solutions: list[Solution]
    inspections: list[Inspection]


def measure_regularities(config: RunConfig, folder: RunFolder) -> Regularities | None:
    """Measure the regularities of a run; `None` where its solutions have not been looked through."""
    models: dict[str, _Model] = {}
    for name in compared_models(config):
        inspections = read_inspections(folder, name)
        if inspections and folder.solutions_path(name, Split.HELD_OUT).is_file():
            models[name] = _Model(folder.solutions(name, Split.HELD_OUT), inspections)
    if FULL_PRECISION not in models:
        return None
    problems = folder.problems(Split.HELD_OUT)
    full = models[FULL_PRECISION].solutions
    others = {name: model.solutions for name, model in models.items() if name != FULL_PRECISION}
    return Regularities(
        restored=restored_name(config.main.name),
        by_truth=_labelled({name: _truths(model) for name, model in models.items()}),
        by_proof=_labelled({name: _proofs(model) for name, model in models.items()}),
        by_panel=_panel_mixes(config, folder),
        losses={name: losses(problems, full, solutions) for name, solutions in others.items()},
        uncommitted={
            name: count_uncommitted([one.search for one in model.inspections if one.search is not None])
            for name, model in models.items()
        },
        lengths={name: length_growth(paired_lengths(full, solutions)) for name, solutions in others.items()},
        parting=_parting(config, folder, models),
    )


_Labels = list[tuple[Solution, Verdict]]


def _truths(model: _Model) -> _Labels:
    return [
        (solution, one.truth)
        for solution, one in zip(model.solutions, model.inspections, strict=True)
        if one.truth is not None
    ]


def _proofs(model: _Model) -> _Labels:
    return [(solution, one.proven) for solution, one in zip(model.solutions, model.inspections, strict=True)]


def _labelled(labels: Mapping[str, _Labels]) -> Labelled | None:
    if not labels[FULL_PRECISION]:
        return None
    courses = {name: _courses(found) for name, found in labels.items()}
    models = {
        name: ModelCourses(
            solutions=len(found),
            left_out=len(labels[name]) - len(found),
            life=life_table(list(found.values())),
            earliness=earliness(list(found.values())),
            recovery=self_recovery(list(found.values())),
        )
        for name, found in courses.items()
    }
    mixes = {name: KindsOf(_kinds(found), complete=True) for name, found in labels.items()}
    against = {
        name: Against(
            hazards=compare_hazards(courses[name], courses[FULL_PRECISION]),
            recovery=compare_recovery(models[name].recovery, models[FULL_PRECISION].recovery),
            mix=compare_mixes(mixes[name], mixes[FULL_PRECISION]),
        )
        for name in models
        if name != FULL_PRECISION
    }
    return Labelled(models=models, against=against)


def _courses(labels: _Labels) -> dict[str, Course]:
    found = ((solution.problem_id, course(solution, verdict)) for solution, verdict in labels)
    return {problem: one for problem, one in found if one is not None}


def _kinds(labels: _Labels) -> dict[str, ErrorType]:
    found = ((solution.problem_id, kind(verdict)) for solution, verdict in labels)
    return {problem: one for problem, one in found if one is not None}


def _panel_mixes(config: RunConfig, folder: RunFolder) -> dict[str, MixComparison]:
    """Compare what the judges say of wrong solutions; of variants they see regressions only."""
    mixes: dict[str, KindsOf] = {}
    for name in (FULL_PRECISION, config.main.name, restored_name(config.main.name)):
        if folder.verdicts_path(name, Split.HELD_OUT).is_file():
            labels = [(case.solution, verdict) for case, verdict in _judged(folder, name)]
            mixes[name] = KindsOf(_kinds(labels), complete=False)
    if FULL_PRECISION not in mixes:
        return {}
    full = mixes.pop(FULL_PRECISION)
    return {name: compare_mixes(mix, full) for name, mix in mixes.items()}


def _judged(folder: RunFolder, model: str) -> list[tuple[Case, Verdict]]:
    cases = wrong_cases(folder, model, Split.HELD_OUT)
    return list(zip(cases, folder.verdicts(model, Split.HELD_OUT), strict=True))


def _parting(config: RunConfig, folder: RunFolder, models: Mapping[str, _Model]) -> dict[str, Locator]:
    name = config.main.name
    if name not in models:
        return {}
    cases = wrong_cases(folder, name, Split.HELD_OUT)
    partings = {
        case.solution.id: parting_step(align(case.full_precision.steps, case.solution.steps))
        for case in cases
        if case.full_precision is not None
    }
    said: dict[str, list[Verdict]] = {
        "truth": [one.truth for one in models[name].inspections if one.truth is not None],
        "panel": folder.verdicts(name, Split.HELD_OUT)
        if folder.verdicts_path(name, Split.HELD_OUT).is_file()
        else [],
    }
    return {
        labels: Locator.of(
            [
                (partings[one.solution_id], one.first_fault)
                for one in verdicts
                if one.solution_id in partings
                and one.status is VerdictStatus.FAULTY
                and one.first_fault is not None
            ]
        )
        for labels, verdicts in said.items()
        if verdicts
    }
