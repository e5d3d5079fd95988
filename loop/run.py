"""A run: the stages in order, each resumable, from problems to the report.

Every stage reads records from the run folder and writes records into it. What is written is never done
again; what a stage has finished before it was killed is in its journal. So the same command always goes
on where the last one ended, and ends with the same result.
"""

import time
from collections.abc import Callable
from pathlib import Path

from ..datasets.errors import ConfigError
from ..datasets.records import Split
from .config import RunConfig
from .curation import curate, renew
from .diverging import diverge
from .engines import check_engine
from .executors.executor import Executor
from .folder import FULL_PRECISION, UNTUNED, RunFolder
from .gating import Gatekeeper
from .inspecting import inspect_solutions
from .locating import judge, judge_panel
from .models import Models, restored_name
from .progress import Reporter
from .report import Report
from .report_file import JSON_NAME, write_report
from .restored import describe
from .stages import (
    choose_few_shot,
    gate,
    make_problems,
    quantize_variants,
    restore,
    solve,
    solve_failures,
)
from .standing import STAGES, Keeper, Standing
from .summary import made_before, summarise
from .threads import use_threads
from .truth import measure_judges
from .tuning import tune_format

__all__ = ["run"]


_TELLING = STAGES.index("solve")
"""From this stage on there is something to report."""
_NEWS = 30.0
"""Seconds since the last report after which another is worth its time."""


def run(
    config: RunConfig,
    path: Path,
    reporter: Reporter | None = None,
    *,
    command: str = "",
    until: str | None = None,
    executor: Executor | None = None,
) -> Report | None:
    """Run a configuration in a folder, or go on with it.

    The report is written anew now and then, after a stage: it can be looked at meanwhile.

    Args:
        config: What to do.
        path: The run folder.
        reporter: Where progress is shown; standard error when left out.
        command: What the report says to type to get it again; what it has said so far when left out.
        until: The last stage to do; all when left out.
        executor: Generates and judges; this process when left out. What it makes is the same.

    Returns:
        The report as far as the run went; `report.html` and `report.json` are in the folder. `None` if
        nothing is measured yet.

    Raises:
        ConfigError: If there is no such stage.
        FirstFaultError: If the configuration or what it names can't be used.
    """
    if until is not None and until not in STAGES:
        raise ConfigError(f"--until: there is no stage {until!r}", hint=f"Known are {', '.join(STAGES)}")
    use_threads(config.threads)
    reporter = reporter or Reporter()
    folder = RunFolder(path)
    with folder.locked(), Models(config, folder, reporter, executor) as models:
        folder.sweep()
        folder.claim(config)
        check_engine(config.engine, reporter, config.variants)
        if executor is not None:
            judge_panel(models, folder).on(executor)  # what can't be asked there is said before any work
        gatekeeper = Gatekeeper(config.gate, reporter)
        name = config.main.name
        after = restored_name(name)

        def choose_solved() -> None:
            choose_few_shot(models, folder, reporter)
            # A model that is loaded keeps the prompt that it was loaded with.
            models.release()

        def solve_held_out() -> None:
            before = () if config.format_tuning is None else (UNTUNED,)
            for model in (*before, FULL_PRECISION, *(recipe.name for recipe in config.variants)):
                solve(models, folder, reporter, model, Split.HELD_OUT)

        def solve_mining() -> None:
            solve(models, folder, reporter, name, Split.MINING)
            solve_failures(models, folder, reporter)

        def make_pairs() -> None:
            renew(folder, name, reporter)
            curate(models, folder, reporter)

        def recover() -> None:
            solve(models, folder, reporter, after, Split.HELD_OUT)
            gate(models, folder, gatekeeper, reporter)
            describe(config, folder)

        def judge_held_out() -> None:
            for model in (FULL_PRECISION, name, after):
                judge(models, folder, reporter, model, Split.HELD_OUT)

        works: dict[str, Callable[[], None]] = {
            "problems": lambda: make_problems(config, folder),
            "examples": choose_solved,
            "tune format": lambda: tune_format(models, folder, reporter),
            "quantize": lambda: quantize_variants(models, folder, reporter),
            "solve": solve_held_out,
            "mine": solve_mining,
            "judge": lambda: judge(models, folder, reporter, name, Split.MINING),
            "curate": make_pairs,
            "restore": lambda: restore(models, folder, reporter),
            "recover": recover,
            "explain": judge_held_out,
            "inspect": lambda: inspect_solutions(config, folder, reporter),
            "diverge": lambda: diverge(models, folder, reporter),
            "agree": lambda: measure_judges(config, folder),
        }
        made_by = command or made_before(folder)
        before = Standing.of(folder.standing_path, has_report=(path / JSON_NAME).is_file())
        keeper = reporter.watcher = Keeper(folder.standing_path, STAGES)
        report = None
        # Whatever takes its time after the problems is a task.
        had_problems = folder.problems_path.is_file()
        last = STAGES.index(until or STAGES[-1])
        told = time.monotonic()
        with keeper.working():
            for place, stage in enumerate(STAGES[: last + 1]):
                with folder.timed(stage), keeper.during(stage):
                    works[stage]()
                if place >= _TELLING and (place == last or time.monotonic() - told > _NEWS):
                    report = summarise(config, folder, command=made_by)
                    write_report(report, path)
                    told = time.monotonic()
            if folder.restored(name).is_dir():
                # No new pairs were made, else it would be gone: what was finished after them still is.
                keeper.finish(before.finished)
            if had_problems and not keeper.has_begun:
                keeper.find_all_done()
                reporter.say(f"Nothing had to be done: all is there until {STAGES[last]}.")
        return report
