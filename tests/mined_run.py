"""A run folder as the stages leave it, without a model having run: abacus, planted faults, true labels."""

from pathlib import Path

from firstfault.datasets.abacus import generate
from firstfault.datasets.funnel import Funnel
from firstfault.datasets.gates import check, judged, made
from firstfault.datasets.records import Pair, Split
from firstfault.datasets.silver_bullet import choose
from firstfault.datasets.store import write_records
from firstfault.loop.config import RunConfig, write_config
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from mined import VARIANT, full_precision, pair_of, regressions, unsure


def write_run(path: Path, model: Path, count: int = 60) -> RunFolder:
    """Write a run whose model and variant are both `model`, up to its pairs."""
    config = RunConfig.model_validate(
        {"model": model, "variants": [{"method": "rtn", "scheme": "W3A16", "group_size": 32}]}
    )
    folder = RunFolder(path)
    path.mkdir(parents=True)
    folder.config_path.write_text(write_config(config))
    items = regressions(count)
    items = [unsure(item) if place % 10 == 9 else item for place, item in enumerate(items)]
    problems = [item.problem for item in items]
    write_records(folder.problems_path, [*problems, *generate(Split.HELD_OUT, 5)])
    write_records(folder.solutions_path(VARIANT, Split.MINING), [item.solution for item in items])
    write_records(folder.solutions_path(FULL_PRECISION, Split.MINING), map(full_precision, problems))
    write_records(folder.verdicts_path(VARIANT, Split.MINING), [item.verdict for item in items])
    funnel = Funnel()
    worth = list(judged(items, {}, funnel))
    kept = check(made(worth, map(pair_of, worth), funnel), None, funnel, longest=16_000)
    known = [
        pair.model_copy(update={"margin_full_precision": 9.5 - place % 4, "margin_variant": place % 7 - 5.0})
        for place, pair in enumerate(kept)
    ]
    chosen = choose(known, config.curate, funnel)
    write_records(folder.test_pairs_path(VARIANT), chosen.test, Pair)
    write_records(folder.pairs_path(VARIANT), chosen.train, Pair)
    gates = [gate.model_dump(mode="json") for gate in funnel.gates]
    folder.write_facts("curate", {"funnel": gates, "reviews_sha256": None})
    folder.variant(VARIANT).parent.mkdir()
    folder.variant(VARIANT).symlink_to(model)
    return folder
