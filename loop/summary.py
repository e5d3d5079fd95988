"""The report of a run, put together from what lies in its folder."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..annotate.argilla.figures import ReviewFigures
from ..annotate.compare import Comparison, compare, measure
from ..datasets.errors import FirstFaultError
from ..datasets.funnel import Gate
from ..datasets.records import Pair, Solution, Split, Verdict
from ..datasets.store import read_records
from ..quant.checkpoint import size_on_disk
from ..restore.adapter import is_adapter
from ..restore.gate import read_gate
from ..restore.recovery import recovery
from .config import RunConfig, write_config
from .diverging import read_divergences
from .folder import FULL_PRECISION, RunFolder
from .inspected import measure_regularities
from .locators import measure_locators
from .models import Models, restored_name
from .profile import Profile
from .report import (
    Accuracy,
    ErrorMix,
    FaultPosition,
    Flips,
    Footprint,
    JudgeAgreement,
    Regression,
    Report,
    Role,
    TrainingPoint,
    VariantReport,
    positions,
)
from .report_file import JSON_NAME, read_report, write_report
from .sensing import read_sensitivity
from .shown import choose_shown
from .stages import wrong_cases
from .tuning import measure_format_tuning
from .wording import count, verb

_LIBRARIES = ("firstfault", "torch", "transformers", "llmcompressor", "compressed-tensors", "trl", "peft")


def summarise(config: RunConfig, folder: RunFolder, *, command: str = "") -> Report:
    """Build the report of a finished run.

    Raises:
        InputError: If a file of the run is missing.
    """
    name = config.main.name
    models = Models(config, folder)
    mix, places = _faults(folder, name)
    return Report(
        model=models.base.name,
        problems=config.problems.title,
        headline=name,
        variants={recipe.name: _variant(config, folder, recipe.name) for recipe in config.variants},
        full_precision=Footprint(bits_per_weight=16.0, size_bytes=size_on_disk(models.base)),
        format_tuning=measure_format_tuning(folder),
        error_mix=mix,
        fault_positions=places,
        judges=tuple(JudgeAgreement.model_validate(row) for row in folder.facts("judges").get("rows", [])),
        reviews=read_reviews(folder),
        funnel=tuple(Gate.model_validate(gate) for gate in folder.facts("curate").get("funnel", [])),
        regularities=measure_regularities(config, folder),
        locators=measure_locators(config, folder),
        sensitivity=read_sensitivity(folder),
        training=_training(folder, name),
        regressions=_regressions(folder, name),
        notes=_notes(folder),
        seconds=folder.facts("seconds"),
        seeds={"run": config.seed, "curate": config.curate.seed, "restore": config.restore.seed},
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {config.threads} threads",
        command=command,
        config=write_config(config.model_copy(update={"model": None})),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def made_before(folder: RunFolder) -> str:
    """Return the command that a run's report says to type; nothing where no report can be read."""
    try:
        return read_report(folder.path).command
    except FirstFaultError:
        return ""


def renew_report(config: RunConfig, folder: RunFolder) -> Path | None:
    """Write a run's report anew if it has one, since what it tells of has changed.

    Returns:
        The path of `report.html`; `None` if the run has no report yet.
    """
    if not (folder.path / JSON_NAME).is_file():
        return None
    return write_report(summarise(config, folder, command=made_before(folder)), folder.path)


def _variant(config: RunConfig, folder: RunFolder, name: str) -> VariantReport:
    recipe = next(recipe for recipe in config.variants if recipe.name == name)
    made, spent = folder.facts(f"quantize-{name}"), folder.facts("seconds")
    full = folder.solutions(FULL_PRECISION, Split.HELD_OUT)
    quantized = folder.solutions(name, Split.HELD_OUT)
    comparison = compare(full, quantized)
    after = restored_name(name)
    if folder.solutions_path(after, Split.HELD_OUT).is_file():
        restored = folder.solutions(after, Split.HELD_OUT)
        restoring = _restoring(folder, name, full, quantized, restored)
    else:
        restored, restoring = None, {}
    behaviour: dict[Role, Any] = {
        "full_precision": comparison.full_precision,
        "quantized": comparison.variant,
    }
    if restored is not None:
        behaviour["restored"] = measure(restored)
    return VariantReport(
        method=recipe.method,
        scheme=recipe.description,
        weight_bits=recipe.bits.weight_bits,
        footprint=Footprint(bits_per_weight=made.get("bits_per_weight"), size_bytes=made.get("size_bytes")),
        accuracy=_accuracy(comparison, restored),
        drop=comparison.drop,
        flips=Flips.of(comparison),
        held_out=comparison.n,
        behaviour=behaviour,
        seconds={"quantize": made["seconds"], **({"restore": spent["restore"]} if restoring else {})},
        **restoring,
    )


def _accuracy(comparison: Comparison, restored: list[Solution] | None) -> Accuracy:
    return Accuracy(
        full_precision=comparison.full_precision.accuracy,
        quantized=comparison.variant.accuracy,
        restored=measure(restored).accuracy if restored is not None else None,
    )


def _restoring(
    folder: RunFolder, name: str, full: list[Solution], quantized: list[Solution], restored: list[Solution]
) -> dict[str, Any]:
    return {
        "restored_flips": Flips.of(compare(full, restored)),
        "recovery": recovery(full, quantized, restored).interval,
        "rejected": gate.rejected if (gate := read_gate(folder.restored(name))) is not None else None,
        "pairs": len(read_records(folder.pairs_path(name), Pair)),
        "adapter_bytes": size_on_disk(folder.restored(name)) if is_adapter(folder.restored(name)) else 0,
    }


def _faults(
    folder: RunFolder, name: str
) -> tuple[dict[Role, ErrorMix], dict[Role, tuple[FaultPosition, ...]]]:
    """Error types and places of held-out faults, which restoring has not seen."""
    roles: dict[Role, str] = {
        "full_precision": FULL_PRECISION,
        "quantized": name,
        "restored": restored_name(name),
    }
    mix: dict[Role, ErrorMix] = {}
    places: dict[Role, tuple[FaultPosition, ...]] = {}
    for role, model in roles.items():
        path = folder.verdicts_path(model, Split.HELD_OUT)
        if path.is_file():
            verdicts = read_records(path, Verdict)
            cases = wrong_cases(folder, model, Split.HELD_OUT)
            mix[role] = ErrorMix.of(verdicts)
            places[role] = positions([(v, case.solution) for v, case in zip(verdicts, cases, strict=True)])
    return mix, places


def _regressions(folder: RunFolder, name: str) -> tuple[Regression, ...]:
    known = read_divergences(folder, name, Split.MINING)
    return tuple(
        Regression(
            problem=case.problem,
            full_precision=case.full_precision,
            quantized=case.solution,
            verdict=verdict,
            pair=pair,
            profile=Profile.of(known[case.solution.id], case.solution) if case.solution.id in known else None,
        )
        for case, verdict, pair in choose_shown(folder, name)
        if case.full_precision is not None
    )


def read_reviews(folder: RunFolder) -> ReviewFigures | None:
    """Read what people's reviews of this run say, if there are any."""
    found = folder.facts("reviews")
    return ReviewFigures.model_validate(found) if found else None


def _training(folder: RunFolder, name: str) -> tuple[TrainingPoint, ...]:
    path = folder.restored(name) / "training.json"
    if not path.is_file():
        return ()
    curve = json.loads(path.read_text(encoding="utf-8"))["curve"]
    return tuple(
        TrainingPoint(step=point["step"], loss=point["loss"], preferred=point["accuracy"]) for point in curve
    )


def _notes(folder: RunFolder) -> tuple[str, ...]:
    notes = [
        f"{count(len(bad), 'row')} of {one['place']} could not be used and {verb(len(bad), 'was', 'were')} "
        f"left out; the first: {bad[0]}."
        for split in (Split.MINING, Split.HELD_OUT)
        for one in folder.facts("problems").get(split, ())
        if (bad := one["bad"])
    ]
    overlap = folder.facts("overlap")
    if overlap:
        notes.append(
            f"Removed from mining: {overlap['exact']} problems that are also held out, "
            f"{overlap['ngram']} that share 13 words in a row with a held-out one, "
            f"{overlap.get('reworded', 0)} that may be one in other words."
        )
    notes.append(
        "Full precision can't be asked to mend what it does not solve itself: the kinds of its own first "
        "faults are mostly those that false arithmetic proves, and no fair contrast to the variant's."
    )
    return tuple(notes)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    found["python"] = platform.python_version()
    return found
