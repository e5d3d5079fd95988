"""Batch restore: every model with every dataset and seed, one row each, measured on the same problems.

A row that fails is recorded with its reason and the others go on; a matrix that was stopped goes on with the
same command, and rows that failed are tried again.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..annotate.engines.transformers import TransformersEngine
from ..annotate.grading import Grader
from ..annotate.solving import solve
from ..datasets.errors import FirstFaultError, InputError
from ..datasets.overlap import remove_overlap, unlike
from ..datasets.records import Solution, Split
from ..datasets.store import read_records, write_records, write_text
from ..models import BUNDLED
from ..quant.formats.loading import load_unpacked
from ..restore.adapter import placed
from ..restore.card import write_card
from ..restore.gate import write_gate
from ..restore.preference import train
from ..restore.restoration import Measured, Restoration, solved, stated_licence
from ..restore.sources import Origin, misfits
from .benchmark import CAPABILITY
from .engines import model_fingerprint
from .few_shot import refuse_held_out
from .gating import BeforeAfter, Gatekeeper, Placed
from .journal import Journal, JournaledEngine
from .matrix_config import MatrixConfig, Quantized, Source
from .matrix_folder import MatrixFolder
from .matrix_row import Row, choose, rows_json
from .progress import Reporter

ReadSource = Callable[[str, str | None], Origin]
"""As `read_source`."""


def restore_matrix(config: MatrixConfig, out: Path, read: ReadSource, reporter: Reporter) -> list[Row]:
    """Restore and measure every row that has no result yet.

    Args:
        config: What to restore with what.
        out: Folder of the results; the same folder goes on where it was.
        read: Gets a dataset's pairs.
        reporter: Where progress is shown.

    Returns:
        All rows in the order of the configuration; `matrix.json` in the folder holds them too.

    Raises:
        ConfigError: If the folder holds another matrix.
        FirstFaultError: If the problems or a base model can't be used: without them no row can be told.
    """
    folder = MatrixFolder(out)
    folder.claim(config)
    matrix = Matrix(config, folder, reporter)
    rows: list[Row] = []
    for model in config.models:
        for dataset in config.datasets:
            for seed in config.seeds:
                rows.append(matrix.row(model, dataset, seed, read))
                write_text(folder.rows, rows_json(choose(rows)))
    return choose(rows)


class Matrix:
    """The folder of a matrix, and what its rows share.

    Args:
        config: What is restored with what.
        folder: Where results lie.
        reporter: Where progress is shown.

    Raises:
        FirstFaultError: If the problems can't be used.
    """

    def __init__(self, config: MatrixConfig, folder: MatrixFolder, reporter: Reporter) -> None:
        self._config = config
        self._folder = folder
        self._reporter = reporter
        self._gatekeeper = Gatekeeper(config.gate, reporter)
        held_out = config.held_out.problems(Split.HELD_OUT)
        refuse_held_out(config.prompt.examples, held_out)
        validation = remove_overlap(config.validation.problems(Split.MINING), held_out).kept
        if not validation or not held_out:
            raise InputError(
                "validation: no problem is left once held-out ones are removed",
                hint="Give two files that do not share problems",
            )
        self._problems = {"validation": validation, "held_out": held_out}
        if self._gatekeeper.problems:
            self._problems[CAPABILITY] = self._gatekeeper.problems

    def compare(self, model: Quantized) -> None:
        """Have a model and its original solve what its rows are compared with, unless that is done.

        Raises:
            FirstFaultError: If the original can't be used; what is wrong with the model, its rows tell.
        """
        self._full(model)
        with suppress(FirstFaultError, RuntimeError, ValueError, OSError):
            self._quantized(model, "held_out")
            if CAPABILITY in self._problems:
                self._quantized(model, CAPABILITY)

    def row(self, model: Quantized, dataset: Source, seed: int, read: ReadSource) -> Row:
        """One row, done now or before."""
        folder = self._folder.row(model.name, dataset.name, seed)
        kept = folder / "row.json"
        if kept.is_file():
            row = Row.model_validate_json(kept.read_bytes())
            if row.failed is None:
                return row
        # What the row is compared with; if this fails, so would every row.
        full = self._full(model)
        try:
            quantized = self._quantized(model, "held_out")
            row = self._restored(model, dataset, seed, folder, full, quantized, read)
        except FirstFaultError as error:
            row = Row(model=model.name, dataset=dataset.name, seed=seed, failed=f"{error}. {error.hint}")
        except (RuntimeError, ValueError, OSError) as error:
            # Out of memory, a shape that does not fit, a full disk: the others may come through.
            reason = " ".join(str(error).split())[:300]
            row = Row(
                model=model.name, dataset=dataset.name, seed=seed, failed=f"{type(error).__name__}: {reason}"
            )
        if row.failed is not None:
            self._reporter.say(f"{model.name} with {dataset.name}, seed {seed}: failed: {row.failed}")
        write_text(kept, row.model_dump_json(indent=2) + "\n")
        return row

    def _restored(
        self,
        model: Quantized,
        dataset: Source,
        seed: int,
        folder: Path,
        full: list[Solution],
        quantized: list[Solution],
        read: ReadSource,
    ) -> Row:
        origin = read(dataset.pairs, dataset.revision)
        pairs = origin.pairs[: dataset.size]
        held_out = {problem.id for problem in self._problems["held_out"]}
        measured_on = held_out | {problem.id for problem in self._problems.get(CAPABILITY, [])}
        leaked = sum(pair.problem_id in measured_on for pair in pairs)
        if leaked:
            raise InputError(
                f"{dataset.name}: {leaked} of {len(pairs)} pairs are about held-out problems",
                hint="Measure on other problems: what was trained on can't be measured on",
            )
        adapter = folder / "adapter"
        name = f"{model.name} with {dataset.name}, seed {seed}"
        restore = self._config.restore_with(dataset).model_copy(update={"seed": seed})
        seconds = None
        if not adapter.is_dir():
            steps = restore.settled(teacher=True).steps(len(pairs))
            with self._reporter.task(f"Restoring: {name}", total=steps) as done:
                trained = train(
                    model.checkpoint,
                    pairs,
                    restore,
                    adapter,
                    teacher=model.base or BUNDLED,
                    validation=origin.test,
                    progress=lambda step, steps: done(1),
                )
            seconds = round(trained.seconds, 1)
        loaded, beside = placed(model.checkpoint, adapter)
        parts = {part: self._solve(folder, loaded, name, part, beside) for part in self._problems}
        measured = Measured.of(full, quantized, parts["held_out"])
        capability = None
        if CAPABILITY in parts:
            capability = BeforeAfter(self._quantized(model, CAPABILITY), parts[CAPABILITY])
        gate = self._gatekeeper.judge(
            full,
            BeforeAfter(quantized, parts["held_out"]),
            capability,
            Placed(model.name, model.checkpoint),
            Placed(name, loaded, beside),
        )
        write_gate(gate, adapter)
        clean = {problem.id for problem in unlike(self._problems["validation"], pairs)}
        base = model.base or BUNDLED
        warnings = misfits(origin, model.checkpoint)
        made = Restoration.of(
            origin,
            checkpoint=model.name,
            base=base.name,
            licence=stated_licence(model.checkpoint, base),
            measured=measured,
            gate=gate,
            warnings=warnings,
        )
        write_card(adapter, made)
        return Row(
            model=model.name,
            dataset=dataset.name,
            seed=seed,
            pairs=len(pairs),
            revision=origin.revision,
            sha256=origin.sha256,
            warnings=tuple(warnings),
            **measured.model_dump(include={"full_precision", "quantized", "restored"}),
            recovery=measured.recovery,
            validation=solved([one for one in parts["validation"] if one.problem_id in clean]),
            seconds=seconds,
            rejected=gate.rejected,
        )

    def _full(self, model: Quantized) -> list[Solution]:
        folder, base = self._folder.base(model.name), model.base or BUNDLED
        return self._solve(folder, base, f"base-{model.name}", "held_out")

    def _quantized(self, model: Quantized, part: str) -> list[Solution]:
        return self._solve(self._folder.quantized(model.name), model.checkpoint, model.name, part)

    def _solve(
        self, folder: Path, checkpoint: Path, name: str, part: str, adapter: Path | None = None
    ) -> list[Solution]:
        """Graded solutions of one model, done now or before."""
        out = folder / f"{part}.parquet"
        if out.is_file():
            return read_records(out, Solution)
        problems = self._problems[part]
        journal = folder / f"{part}.jsonl"
        with (
            self._reporter.task(f"Solving {part.replace('_', '-')}: {name}", total=len(problems)) as done,
            Grader() as grader,
        ):
            engine = TransformersEngine.load(
                checkpoint,
                name=name,
                adapter=adapter,
                batch_size=self._config.batch_size,
                prompt_format=self._config.prompt,
                unpack=load_unpacked,
            )
            model = model_fingerprint(checkpoint, adapter)
            journaled = JournaledEngine(engine, Journal(journal), done, model=model)
            form = self._config.prompt.answer
            solutions = solve(journaled, problems, self._config.sampling, grader, form=form)
        write_records(out, solutions)
        journal.unlink(missing_ok=True)
        return solutions
