"""The stage that reads regressions of the headline variant with both models, token by token."""

from collections.abc import Sequence
from random import Random

from ..datasets.records import Split
from ..datasets.store import read_records, write_records
from ..judge.case import Case
from ..restore.divergence import Divergence, divergences
from .config import RunConfig
from .folder import RunFolder
from .models import Models
from .progress import Reporter
from .shown import choose_shown
from .stages import wrong_cases


def diverge(models: Models, folder: RunFolder, reporter: Reporter) -> None:
    """Write the divergence of regressions of both splits, and of the report's examples.

    Those that can't be read (no steps, or longer than the model's context) are left out.
    """
    config = models.config
    name = config.main.name
    shown = {example.case.solution.id for example in choose_shown(folder, name)}
    for split in (Split.MINING, Split.HELD_OUT):
        out = folder.divergences_path(name, split)
        if out.is_file() or not config.profiles:
            continue
        cases = wrong_cases(folder, name, split)
        wanted = {case.solution.id for case in sampled(config, cases)} | shown
        asked = [case for case in cases if case.solution.id in wanted]
        journal = folder.journal(f"divergences-{out.stem}")
        missing = [case for case in asked if case.solution.id not in journal]
        models.release()
        render = models.renderer()
        solutions = [(render(case.problem.question, ""), case.solution) for case in missing]
        title = f"Reading {split.replace('_', '-')} regressions with both models"
        with reporter.task(title, total=len(asked)) as done:
            done(len(asked) - len(missing))
            read = divergences(models.base, folder.variant(name), solutions)
            for case, one in zip(missing, read, strict=True):
                journal.put(case.solution.id, None if one is None else one.model_dump(mode="json"))
                done(1)
        found = [journal.get(case.solution.id) for case in asked]
        write_records(out, [Divergence.model_validate(one) for one in found if one is not None], Divergence)
        folder.close_journal(f"divergences-{out.stem}")


def sampled(config: RunConfig, cases: Sequence[Case]) -> list[Case]:
    """Draw the regressions that stand for all: as many as the configuration says, by its seed."""
    if len(cases) <= config.profiles:
        return list(cases)
    return Random(config.seed).sample(cases, config.profiles)


def read_divergences(folder: RunFolder, name: str, split: Split) -> dict[str, Divergence]:
    """Read the divergences of one variant by solution; empty in a run that has none."""
    path = folder.divergences_path(name, split)
    found = read_records(path, Divergence) if path.is_file() else []
    return {one.solution_id: one for one in found}
