"""The stage that locates first faults: here, or on the machines of an executor."""

from collections.abc import Callable, Sequence

from ..annotate.grading import Grader
from ..datasets.errors import ConfigError
from ..datasets.records import Split, Verdict
from ..datasets.store import write_records
from ..judge.case import Case, Judge
from ..judge.llm import is_unasked, why_unasked
from ..judge.members import assemble, members
from ..judge.rollout import RolloutJudge
from .executors.executor import Executor, cut, shards_of
from .executors.judging import JudgeCases, Panel, case_item
from .executors.shards import Shard
from .folder import FULL_PRECISION, RunFolder
from .journal import Journal
from .models import Models, reaches
from .progress import Reporter
from .rollout import ModelRollout
from .stages import wrong_cases
from .watching import watched


def judge(models: Models, folder: RunFolder, reporter: Reporter, model: str, split: Split) -> None:
    """Write verdicts on one model's wrong solutions: a variant's regressions, full precision's failures."""
    out = folder.verdicts_path(model, split)
    if out.is_file():
        return
    cases = wrong_cases(folder, model, split)
    journal = folder.journal(f"verdicts-{out.stem}")
    title = f"Locating first faults on {split.replace('_', '-')} problems: {model.replace('_', ' ')}"
    if models.executor is not None:
        with reporter.task(title, total=len(cases)) as done:
            panel = judge_panel(models, folder).on(models.executor)
            verdicts = _spread(models.executor, journal.stage, panel, cases, done)
        write_records(out, verdicts)
        models.close(journal)
        return
    config = models.config.judge
    with (
        Grader() as grader,
        members(config, lambda: _rollout(models, journal, grader), ledger=folder.ledger_path) as asked,
        reporter.task(title, total=len(cases) * len(asked)) as done,
    ):
        panel = assemble(watched(asked, reporter, done), config, skipped=done, say=reporter.say)
        # Elsewhere what depends on its batch is judged in the same parts.
        parts = cut(cases, config.shard_size) if config.is_cut else [cases]
        verdicts = [verdict for part in parts for verdict in panel.judge(part)]
    unasked = sum(is_unasked(verdict) for verdict in verdicts)
    if unasked:
        raise ConfigError(
            f"judge: {unasked} of {len(cases)} solutions were not judged: {why_unasked(verdicts)}",
            hint="Run the same command again: what was answered is kept.",
        )
    write_records(out, verdicts)
    models.close(journal)


def judge_panel(models: Models, folder: RunFolder) -> Panel:
    """The run's panel, as any process can make it."""
    config, loading = models.config, models.loading(FULL_PRECISION)
    rollout = ModelRollout(loading, config.sampling, config.judge.samples, config.judge.temperature)
    return Panel(config.judge, folder.ledger_path.resolve(), rollout)


def _spread(
    executor: Executor, stage: str, panel: Panel, cases: Sequence[Case], done: Callable[[int], None]
) -> list[Verdict]:
    """Have cases judged by an executor."""
    found: list[Shard] = []
    parts = cut((case_item(case) for case in cases), panel.config.shard_size)
    for shard in executor.map(stage, JudgeCases(panel), parts):
        done(shard.size)
        found.append(shard)
    shards = shards_of(executor, stage, Verdict)
    return [verdict for shard in sorted(found) for verdict in shards.read(shard)]


def _rollout(models: Models, journal: Journal, grader: Grader) -> Judge:
    config = models.config.judge
    return RolloutJudge(
        models.engine(FULL_PRECISION, journal),
        reaches(grader),
        sampling=models.config.sampling,
        samples=config.samples,
        temperature=config.temperature,
    )
