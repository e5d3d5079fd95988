"""How well first faults are found without a judge.

By aligning both solutions, and by how both models diverge along the variant's; all on the same regressions.
"""

from collections.abc import Iterator, Mapping

from ..annotate.alignment import align, parting_step
from ..datasets.oracle import oracle
from ..datasets.records import Split
from ..judge.case import Case
from ..restore.divergence import Divergence
from .config import RunConfig
from .diverging import read_divergences, sampled
from .folder import RunFolder
from .regularities import Labels, Locator, LocatorName, LocatorRow
from .stages import wrong_cases


def measure_locators(config: RunConfig, folder: RunFolder) -> tuple[LocatorRow, ...]:
    """Measure the locators on the regressions whose divergence was computed; empty where none was."""
    return tuple(row for split in (Split.HELD_OUT, Split.MINING) for row in _measure(config, folder, split))


def _measure(config: RunConfig, folder: RunFolder, split: Split) -> Iterator[LocatorRow]:
    name = config.main.name
    known = read_divergences(folder, name, split)
    if not known:
        return
    cases = wrong_cases(folder, name, split)
    chosen = {case.solution.id for case in sampled(config, cases)} & set(known)
    faults: dict[Labels, dict[str, int]] = {
        "truth": _truths([case for case in cases if case.solution.id in chosen]),
        "panel": _judged(folder, name, split),
    }
    for labels, first_faults in faults.items():
        located = [case for case in cases if case.solution.id in chosen & set(first_faults)]
        if not located:
            continue
        steps = {case.solution.id: _steps(case, known[case.solution.id]) for case in located}
        for locator in ("alignment", "divergence", "largest_divergence"):
            found = Locator.of([(steps[key][locator], first_faults[key]) for key in steps])
            yield LocatorRow(locator=locator, split=split, labels=labels, found=found)


def _steps(case: Case, divergence: Divergence) -> Mapping[LocatorName, int | None]:
    assert case.full_precision is not None
    return {
        "alignment": parting_step(align(case.full_precision.steps, case.solution.steps)),
        "divergence": divergence.parting_step,
        "largest_divergence": divergence.most_divergent_step,
    }


def _truths(cases: list[Case]) -> dict[str, int]:
    found = (
        (case.solution.id, oracle(case.problem, case.solution).first_fault)
        for case in cases
        if case.problem.program is not None
    )
    return {key: fault for key, fault in found if fault is not None}


def _judged(folder: RunFolder, name: str, split: Split) -> dict[str, int]:
    if not folder.verdicts_path(name, split).is_file():
        return {}
    return {
        verdict.solution_id: verdict.first_fault
        for verdict in folder.verdicts(name, split)
        if verdict.first_fault is not None
    }
