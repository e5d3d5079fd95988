"""The run folder: what lies where, whose it is, and what has been finished.

config.yaml                  the resolved configuration
problems.parquet             mining and held-out problems
full_precision/NAME/         the full-precision model, where it was taught the step format first
variants/NAME/               quantized checkpoints
solutions/MODEL.SPLIT.parquet
verdicts/MODEL.SPLIT.parquet its wrong solutions, judged
inspections/MODEL.parquet    what its held-out solutions, right ones too, show without a model
divergences/MODEL.SPLIT.parquet  full precision along its regressions, token by token
reviews/MODEL.SPLIT.parquet  what people said of them; beside it what they were asked
pairs/NAME.parquet           the Silver Bullet pairs
pairs/NAME.test.parquet      those of problems that are set aside
restored/NAME/               what restoring added to the variant, and its card
sensitivity.json, mixed.yaml which modules are fragile, and a recipe that keeps them
facts/STAGE.json             figures of a stage that are not records
ledger.sqlite                what language models were asked and have answered
report.html, report.json
work/                        journals of unfinished stages, and where the run stands
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..annotate.engines.config import EngineConfig
from ..annotate.engines.endpoint import Budget
from ..annotate.reviews import overrule
from ..datasets.errors import ConfigError, InputError
from ..datasets.records import Problem, Review, Solution, Split, Verdict
from ..datasets.store import read_records, write_text
from .config import RunConfig, read_config, write_config
from .journal import Journal

FULL_PRECISION = "full_precision"
UNTUNED = "untuned"
"""Full precision before it was taught the step format."""
FORMAT_TUNING = "format_tuning"
"""The sample of mining problems whose solutions it may be taught on."""
EXAMPLES = "examples"
"""The sample of mining problems whose solutions may be shown in prompts."""
CALIBRATION = "calibration"
"""The sample of mining problems whose solutions variants are calibrated on."""


class RunFolder:
    """One run's folder.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def problems_path(self) -> Path:
        """All problems."""
        return self.path / "problems.parquet"

    def tuned(self, name: str) -> Path:
        """A full-precision model that was taught the step format."""
        return self.path / "full_precision" / name

    def variant(self, name: str) -> Path:
        """A variant's checkpoint."""
        return self.path / "variants" / name

    def restored(self, name: str) -> Path:
        """What restoring a variant made."""
        return self.path / "restored" / name

    def solutions_path(self, model: str, part: str) -> Path:
        """One model's graded solutions of a split, or of a sample of mining problems such as `CALIBRATION`.

        Full precision solves only those mining problems that the headline variant failed.
        """
        return self.path / "solutions" / f"{model}.{part}.parquet"

    def verdicts_path(self, model: str, split: Split) -> Path:
        """Verdicts on one model's wrong solutions."""
        return self.path / "verdicts" / f"{model}.{split}.parquet"

    def inspections_path(self, model: str) -> Path:
        """What one model's held-out solutions show without a model to judge them."""
        return self.path / "inspections" / f"{model}.parquet"

    def divergences_path(self, model: str, split: Split) -> Path:
        """How far full precision diverges from one model along its regressions."""
        return self.path / "divergences" / f"{model}.{split}.parquet"

    def reviews_path(self, model: str, split: Split) -> Path:
        """What people said of one model's wrong solutions."""
        return self.path / "reviews" / f"{model}.{split}.parquet"

    def sample_path(self, model: str, split: Split) -> Path:
        """What people are asked about."""
        return self.path / "reviews" / f"{model}.{split}.sample.parquet"

    @property
    def people_path(self) -> Path:
        """Who the reviewers are; not for publishing."""
        return self.path / "reviews" / "people.json"

    def pairs_path(self, name: str) -> Path:
        """The pairs that a variant is restored with."""
        return self.path / "pairs" / f"{name}.parquet"

    def test_pairs_path(self, name: str) -> Path:
        """The pairs of problems that are set aside for the test part."""
        return self.path / "pairs" / f"{name}.test.parquet"

    @property
    def sensitivity_path(self) -> Path:
        """How much each module of the headline variant costs, where that was measured."""
        return self.path / "sensitivity.json"

    @property
    def ledger_path(self) -> Path:
        """What language models were asked for this run, unless the configuration names another place."""
        return self.path / "ledger.sqlite"

    @property
    def engine_log(self) -> Path:
        """What the servers that were started for this run have written."""
        return self.path / "work" / "vllm.log"

    @property
    def standing_path(self) -> Path:
        """Where the run stands while it works."""
        return self.path / "work" / "standing.json"

    def facts_path(self, stage: str) -> Path:
        """Figures of a stage."""
        return self.path / "facts" / f"{stage}.json"

    def problems(self, split: Split) -> list[Problem]:
        """Read the problems of a split."""
        return [problem for problem in read_records(self.problems_path, Problem) if problem.split is split]

    def solutions(self, model: str, part: str) -> list[Solution]:
        """Read one model's graded solutions."""
        return read_records(self.solutions_path(model, part), Solution)

    def verdicts(self, model: str, split: Split) -> list[Verdict]:
        """Read the verdicts on one model's wrong solutions; where people settled one, theirs."""
        judged = read_records(self.verdicts_path(model, split), Verdict)
        return overrule(judged, self.reviews(model, split))

    def reviews(self, model: str, split: Split) -> list[Review]:
        """Read what people said of one model's wrong solutions; empty when nobody was asked."""
        path = self.reviews_path(model, split)
        return read_records(path, Review) if path.is_file() else []

    def facts(self, stage: str) -> dict[str, Any]:
        """Read a stage's figures; empty when there are none."""
        path = self.facts_path(stage)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def write_facts(self, stage: str, facts: dict[str, Any]) -> None:
        """Write a stage's figures."""
        write_text(self.facts_path(stage), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")

    def journal(self, stage: str) -> Journal:
        """What is finished of an unfinished stage."""
        return Journal(self._journal_path(stage))

    def close_journal(self, stage: str) -> None:
        """Forget the journal of a stage whose result is written."""
        self._journal_path(stage).unlink(missing_ok=True)

    def read_config(self) -> RunConfig:
        """Read the configuration that the folder was made with.

        Raises:
            InputError: If this is no run folder.
        """
        if not self.config_path.is_file():
            raise InputError(f"{self.path}: not a run folder", hint="Give the folder of a run.")
        return read_config(self.config_path)

    def claim(self, config: RunConfig) -> None:
        """Make the folder this configuration's.

        Raises:
            ConfigError: If it holds a run of another configuration, or files that are no run.
        """
        text = write_config(config)
        if self.config_path.is_file():
            there = self.read_config()
            if _that_counts(there) == _that_counts(config):
                # More money may be spent on the same run, and vLLM may be elsewhere.
                if there != config:
                    write_text(self.config_path, text)
            else:
                changed = [
                    name for name in RunConfig.model_fields if getattr(there, name) != getattr(config, name)
                ]
                raise ConfigError(
                    f"{self.path}: holds a run with another configuration ({', '.join(changed)} differ)",
                    hint="Choose another folder with --out, or remove this one.",
                )
            return
        if self.path.is_dir() and any(name for name in self.path.iterdir() if name.name != ".lock"):
            raise ConfigError(f"{self.path}: holds files that are not of a run", hint="Choose another --out.")
        write_text(self.config_path, text)

    @contextmanager
    def locked(self, work: str = "run") -> Generator[None]:
        """Hold the folder against a second process that does the same work.

        Raises:
            ConfigError: If one is at it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / (".lock" if work == "run" else f".lock-{work}")).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(
                    f"{self.path}: another {work} is at work here",
                    hint="Wait for it, or choose another --out." if work == "run" else "Wait for it.",
                ) from None
            yield

    def sweep(self) -> None:
        """Remove what a killed run left half-written; call it with the folder `locked`.

        Reviews may be pulled at the same time, so theirs stay.
        """
        for left in [*self.path.glob(".*"), *self.path.glob("*/.*")]:
            if left.name.startswith(".lock") or left.parent.name == "reviews":
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    @contextmanager
    def timed(self, stage: str) -> Generator[None]:
        """Add the time that this takes to the stage's seconds, also when it is broken off by an error."""
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = self.facts("seconds")
            seconds[stage] = round(seconds.get(stage, 0.0) + time.monotonic() - started, 2)
            self.write_facts("seconds", seconds)

    def _journal_path(self, stage: str) -> Path:
        return self.path / "work" / f"{stage.replace(os.sep, '-')}.jsonl"


def _that_counts(config: RunConfig) -> RunConfig:
    """The configuration without what its results don't depend on."""
    engine = EngineConfig(name=config.engine.name)
    judge = config.judge.model_copy(update={"budget": Budget()})
    return config.model_copy(update={"judge": judge, "engine": engine})
