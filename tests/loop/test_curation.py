"""The stage of a run that curates, on records as the stages before it leave them."""

from pathlib import Path

import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Pair, Problem, Review, Split, VerdictStatus
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.config import RunConfig
from firstfault.loop.curation import curate, renew, settled
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.models import BUNDLED
from mined import VARIANT, full_precision, regressions, unsure

CONFIG = RunConfig.model_validate(
    {
        "variants": [{"method": "rtn", "scheme": "W3A16", "group_size": 32}],
        "curate": {"margins": False, "test_share": 0.0},
        "sampling": {"max_tokens": 256},
    }
)
ITEMS = [unsure(item) if place % 2 else item for place, item in enumerate(regressions(12))]


def mined_run(path: Path) -> RunFolder:
    folder = RunFolder(path)
    problems = [item.problem for item in ITEMS]
    write_records(folder.problems_path, [*problems, Problem(question="q", answer="1")])
    write_records(folder.solutions_path(VARIANT, Split.MINING), [item.solution for item in ITEMS])
    write_records(folder.solutions_path(FULL_PRECISION, Split.MINING), map(full_precision, problems))
    write_records(folder.verdicts_path(VARIANT, Split.MINING), [item.verdict for item in ITEMS])
    return folder


def review(place: int, **finding) -> Review:
    return Review(solution_id=ITEMS[place].solution.id, reviewer="r1", **finding)


def agreeing(place: int) -> Review:
    said = ITEMS[place].verdict
    return review(
        place, status="faulty", first_fault=said.first_fault, error_type=said.error_type, subtype=said.subtype
    )


def test_what_people_settled_stands_in_the_place_of_what_judges_said(tmp_path: Path):
    folder = mined_run(tmp_path)
    before = settled(folder, VARIANT, Split.MINING)
    assert [item.verdict.needs_review for item in before] == [bool(n % 2) for n in range(len(ITEMS))]
    write_records(
        folder.reviews_path(VARIANT, Split.MINING), [agreeing(1), review(0, status=VerdictStatus.CLEAN)]
    )
    after = settled(folder, VARIANT, Split.MINING)
    assert (after[1].verdict.judge, after[1].verdict.needs_review) == ("people", False)
    assert after[0].verdict.status is VerdictStatus.CLEAN
    assert after[2:] == before[2:]


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")
def test_curating_writes_pairs_and_the_funnel_and_follows_reviews(tmp_path: Path):
    folder = mined_run(tmp_path)
    write_records(
        folder.reviews_path(VARIANT, Split.MINING), [agreeing(1), review(0, status=VerdictStatus.CLEAN)]
    )
    curate(Models(CONFIG, folder), folder, Reporter())
    pairs = read_records(folder.pairs_path(VARIANT), Pair)
    facts = folder.facts("curate")
    gates = {gate["name"]: gate for gate in facts["funnel"]}
    assert gates["located"]["dropped"] == {"clean": 1}
    assert gates["agreed"]["dropped"] == {"needs review": len(ITEMS) // 2 - 1}
    assert len(pairs) == facts["chosen"] >= 3
    by_solution = {pair.solution_id: pair for pair in pairs}
    assert ITEMS[0].solution.id not in by_solution
    assert ITEMS[3].solution.id not in by_solution
    assert read_records(folder.test_pairs_path(VARIANT), Pair) == []
    assert len(facts["reviews_sha256"]) == 64
    levels = {item.solution.id: item.problem.level for item in ITEMS}
    for pair in pairs:
        assert (pair.level, pair.margin_variant) == (levels[pair.solution_id], None)
        assert pair.template


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")
def test_reviews_that_change_make_pairs_anew_and_nothing_else_does(tmp_path: Path):
    folder = mined_run(tmp_path)
    restored = folder.restored(VARIANT)
    after = folder.solutions_path(f"{VARIANT}-restored", Split.HELD_OUT)

    def go_on() -> set[str]:
        renew(folder, VARIANT, Reporter())
        curate(Models(CONFIG, folder), folder, Reporter())
        return {pair.solution_id for pair in read_records(folder.pairs_path(VARIANT), Pair)}

    before = go_on()
    restored.mkdir(parents=True)
    write_records(after, [])
    written = folder.pairs_path(VARIANT).stat().st_mtime_ns
    assert go_on() == before
    assert folder.pairs_path(VARIANT).stat().st_mtime_ns == written
    assert restored.is_dir()
    place = next(n for n, item in enumerate(ITEMS) if item.solution.id in before)
    write_records(folder.reviews_path(VARIANT, Split.MINING), [review(place, status=VerdictStatus.CLEAN)])
    assert go_on() == before - {ITEMS[place].solution.id}
    assert not restored.exists()
    assert not after.exists()
    assert go_on() == before - {ITEMS[place].solution.id}


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")
def test_a_run_without_a_pair_says_where_they_went(tmp_path: Path):
    folder = mined_run(tmp_path)
    write_records(folder.verdicts_path(VARIANT, Split.MINING), [unsure(item).verdict for item in ITEMS])
    with pytest.raises(InputError, match=f"{len(ITEMS)} needs review"):
        curate(Models(CONFIG, folder), folder, Reporter())
    assert not folder.pairs_path(VARIANT).exists()
