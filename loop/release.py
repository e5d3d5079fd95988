"""What a run publishes: its pairs with all that the card says about them."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..annotate.reviews import PEOPLE
from ..datasets.errors import InputError
from ..datasets.funnel import Gate
from ..datasets.licences import licence_of_the_whole, licences_of
from ..datasets.problem_sets import load_benchmarks
from ..datasets.provenance import JudgeFigures, Provenance, Source
from ..datasets.records import Pair, Split
from ..datasets.store import read_records
from ..datasets.subsets import Part, make_parts
from ..quant.checkpoint import chat_template_sha256, weights_sha256
from .config import RunConfig
from .curation import reviews_sha256, settled
from .folder import RunFolder
from .models import Models
from .report import Report
from .report_file import JSON_NAME, read_report
from .tuning import format_tuned


class Release(NamedTuple):
    """All that goes into a released set."""

    made: Provenance
    parts: list[Part]
    config: str
    """YAML, without paths and endpoints."""
    licence: str
    names: tuple[str, ...]
    """Names that reviewers go by in this run: must not be published."""


def assemble(
    folder: RunFolder,
    *,
    licence: str | None = None,
    licences: Mapping[str, str] | None = None,
    size: int | None = None,
) -> Release:
    """Gather what a finished run publishes.

    Args:
        folder: The run.
        licence: Of the dataset; what the sources ask for when left out.
        licences: Of sources whose problems name none.
        size: Most training pairs, the best first; all when left out.

    Raises:
        InputError: If the run has no pairs yet, or reviews that came after them.
        LicenceError: If a source may not be published, or its licence is not known.
    """
    config = folder.read_config()
    name = config.main.name
    facts = folder.facts("curate")
    if not folder.pairs_path(name).is_file() or "funnel" not in facts:
        raise InputError(
            f"{folder.path}: no curated pairs", hint="Finish the run first: `firstfault run` goes on with it."
        )
    check_reviews(folder, name)
    reviews = folder.reviews(name, Split.MINING)
    train = read_records(folder.pairs_path(name), Pair)[:size]
    test = read_records(folder.test_pairs_path(name), Pair)
    judged = settled(folder, name, Split.MINING)
    sources = licences_of((one.problem for one in judged), licences)
    counts = Counter(one.problem.source for one in judged)
    models = Models(config, folder)
    quantized = folder.facts(f"quantize-{name}")
    recipe = config.main
    made = Provenance(
        base_model=models.base.name,
        base_sha256=weights_sha256(models.base),
        format_tuned=format_tuned(folder),
        variant=name,
        method=recipe.method,
        scheme=recipe.scheme,
        group_size=recipe.group,
        bits_per_weight=quantized.get("bits_per_weight"),
        variant_sha256=weights_sha256(folder.variant(name)),
        chat_template_sha256=chat_template_sha256(models.base),
        system=config.prompt.system,
        max_tokens=config.sampling.max_tokens,
        temperature=config.sampling.temperature,
        panel=tuple(one if isinstance(one, str) else one.model for one in config.judge.panel),
        rule=config.judge.rule,
        judges=_judges(folder),
        reviews=len(reviews),
        reviewed=sum(one.verdict.judge == PEOPLE for one in judged),
        reviewers=len({one.reviewer for one in reviews}),
        overlap={kind: int(count) for kind, count in folder.facts("overlap").items()},
        benchmarks=tuple(load_benchmarks(config.curate.benchmarks)),
        funnel=tuple(Gate.model_validate(gate) for gate in facts["funnel"]),
        test_share=config.curate.test_share,
        sources=tuple(
            Source(name=source, licence=of, problems=counts[source], **_read_from(folder, source))
            for source, of in sources.items()
        ),
        seeds={"run": config.seed, "curate": config.curate.seed, "restore": config.restore.seed},
        **_measured(folder, name, len(train)),
    )
    return Release(
        made,
        make_parts(train, test, judged, config.curate.test_share),
        publishable_config(config),
        licence_of_the_whole(sources, licence),
        reviewer_names(folder, name),
    )


def check_reviews(folder: RunFolder, name: str) -> None:
    """Refuse to publish what people have found fault with since.

    Raises:
        InputError: If reviews came after a variant's pairs.
    """
    if reviews_sha256(folder, name) != folder.facts("curate").get("reviews_sha256"):
        raise InputError(
            f"{folder.path}: people reviewed after the pairs were made",
            hint="Run it again: the command that made it makes the pairs anew.",
        )


def reviewer_names(folder: RunFolder, name: str) -> tuple[str, ...]:
    """Return what reviewers are called: their pseudonyms, and the names behind them where they are known."""
    from ..annotate.argilla.people import Pseudonyms

    reviewers = {one.reviewer for one in folder.reviews(name, Split.MINING)}
    known = Pseudonyms(folder.people_path)
    return tuple(sorted({*reviewers, *(known.name(reviewer) for reviewer in reviewers)}))


def publishable_config(config: RunConfig) -> str:
    """Return a configuration as YAML in which paths are names and endpoints are left out."""
    import yaml

    whole = config.model_dump(mode="json")
    return yaml.safe_dump(_without_places(whole), sort_keys=False, allow_unicode=True)


def _without_places(value: object) -> object:
    if isinstance(value, dict):
        named = cast(dict[str, object], value)
        return {key: _without_places(one) for key, one in named.items() if key not in ("base_url", "ledger")}
    if isinstance(value, list):
        return [_without_places(one) for one in cast(list[object], value)]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value


def _measured(folder: RunFolder, name: str, pairs: int) -> dict[str, Any]:
    """Return what the run's report measured, where there is one.

    What restoring brought is left out if it was trained on other pairs than these.
    """
    if not (folder.path / JSON_NAME).is_file():
        return {}
    report: Report = read_report(folder.path)
    accuracy = report.main.accuracy
    measured: dict[str, Any] = {
        "held_out": report.main.held_out,
        "full_precision": accuracy.full_precision,
        "quantized": accuracy.quantized,
        "versions": report.versions,
    }
    account = folder.restored(name) / "training.json"
    if account.is_file() and json.loads(account.read_text(encoding="utf-8")).get("pairs") == pairs:
        measured["restored"] = accuracy.restored
        measured["recovery"] = report.main.recovery
    return measured


def _read_from(folder: RunFolder, source: str) -> dict[str, str]:
    """Where on the Hub a source's mining problems were read, if they were."""
    for one in folder.facts("problems").get(Split.MINING, ()):
        if one["name"] == source and one["revision"]:
            return {"repository": one["place"], "revision": one["revision"]}
    return {}


def _judges(folder: RunFolder) -> tuple[JudgeFigures, ...]:
    rows: list[dict[str, Any]] = folder.facts("judges").get("rows", [])
    return tuple(
        JudgeFigures(
            judge=row["agreement"]["judge"],
            cases=row["cases"],
            items=row["agreement"]["items"],
            **{name: row["agreement"][name] for name in ("first_fault", "error_type", "false_alarms")},
        )
        for row in rows
    )
