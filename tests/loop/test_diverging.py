"""The stage that computes divergences, and the locators that rest on them."""

import pytest
from firstfault.datasets.injector import inject
from firstfault.datasets.records import ErrorType, Solution, Split, Verdict
from firstfault.datasets.store import write_records
from firstfault.loop.diverging import diverge, read_divergences, sampled
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.locators import measure_locators
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.loop.shown import choose_shown
from firstfault.loop.stages import wrong_cases
from firstfault.models import BUNDLED
from firstfault.restore.divergence import Divergence
from mined import VARIANT, full_precision
from mined_run import write_run

pytestmark = pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """A run up to its pairs, with held-out solutions; its variant is the full-precision model."""
    pytest.importorskip("transformers", reason="needs the extra `local`")
    folder = write_run(tmp_path / "run", BUNDLED, count=12)
    problems = folder.problems(Split.HELD_OUT)
    planted = [inject(problem, 0, ErrorType.EXECUTION, seed=0) for problem in problems]
    assert all(one is not None for one in planted)
    write_records(folder.solutions_path(FULL_PRECISION, Split.HELD_OUT), map(full_precision, problems))
    write_records(folder.solutions_path(VARIANT, Split.HELD_OUT), [one.solution for one in planted], Solution)
    truths = {one.solution.id: one.truth for one in planted}
    cases = wrong_cases(folder, VARIANT, Split.HELD_OUT)
    write_records(
        folder.verdicts_path(VARIANT, Split.HELD_OUT), [truths[case.solution.id] for case in cases], Verdict
    )
    return folder


def configured(folder: RunFolder, **changes):
    return folder.read_config().model_copy(update=changes)


def go(folder: RunFolder, **changes) -> None:
    diverge(Models(configured(folder, **changes), folder), folder, Reporter())


def test_every_regression_of_both_splits_is_read_with_both_models(folder):
    go(folder)
    for split in (Split.MINING, Split.HELD_OUT):
        cases = wrong_cases(folder, VARIANT, split)
        found = read_divergences(folder, VARIANT, split)
        assert list(found) == [case.solution.id for case in cases]
        for case in cases:
            one = found[case.solution.id]
            assert one.ends[-1] == len(case.solution.text)
            # The variant is the same model.
            assert (max(one.kl), one.parting) == (0.0, None)
            assert max(one.entropy) > 0
    assert not list((folder.path / "work").glob("*"))


def test_a_stage_that_was_killed_goes_on_and_what_is_written_stays(folder):
    cases = wrong_cases(folder, VARIANT, Split.MINING)
    known = planted(cases[0], 7)
    journal = folder.journal(f"divergences-{folder.divergences_path(VARIANT, Split.MINING).stem}")
    journal.put(cases[0].solution.id, known.model_dump(mode="json"))
    journal.put(cases[1].solution.id, None)
    go(folder)
    found = read_divergences(folder, VARIANT, Split.MINING)
    assert found[cases[0].solution.id] == known
    assert cases[1].solution.id not in found
    assert len(found) == len(cases) - 1
    before = folder.divergences_path(VARIANT, Split.MINING).stat().st_mtime_ns
    go(folder)
    assert folder.divergences_path(VARIANT, Split.MINING).stat().st_mtime_ns == before


def test_of_many_regressions_a_seeded_sample_is_read_and_the_examples_besides(folder):
    config = configured(folder, profiles=3)
    cases = wrong_cases(folder, VARIANT, Split.MINING)
    drawn = {case.solution.id for case in sampled(config, cases)}
    assert len(drawn) == 3
    assert drawn == {case.solution.id for case in sampled(config, cases)}
    assert drawn != {case.solution.id for case in sampled(config.model_copy(update={"seed": 1}), cases)}
    folder.pairs_path(VARIANT).unlink()
    assert choose_shown(folder, VARIANT) == []
    go(folder, profiles=3)
    assert set(read_divergences(folder, VARIANT, Split.MINING)) == drawn
    assert len(read_divergences(folder, VARIANT, Split.HELD_OUT)) == 3


def test_the_examples_are_read_though_the_sample_has_them_not(folder):
    go(folder, profiles=1)
    shown = {example.case.solution.id for example in choose_shown(folder, VARIANT)}
    assert len(shown) > 1
    assert shown <= set(read_divergences(folder, VARIANT, Split.MINING))
    # Figures rest on the sample alone: the examples were not drawn by chance.
    rows = [
        row for row in measure_locators(configured(folder, profiles=1), folder) if row.split is Split.MINING
    ]
    assert {row.found.cases for row in rows} == {1}


def test_none_are_read_where_none_are_wanted(folder):
    go(folder, profiles=0)
    assert read_divergences(folder, VARIANT, Split.MINING) == {}
    assert measure_locators(configured(folder, profiles=0), folder) == ()


def test_locators_are_as_good_as_what_was_planted(folder):
    cases = wrong_cases(folder, VARIANT, Split.MINING)
    verdicts = folder.verdicts(VARIANT, Split.MINING)
    located = [(case, verdict) for case, verdict in zip(cases, verdicts, strict=True)]
    found = []
    for place, (case, verdict) in enumerate(located):
        fault = verdict.first_fault if verdict.first_fault is not None else 0
        # Right on all but the first, which diverges in its last step.
        step = len(case.solution.steps) - 1 if place == 0 else fault
        found.append(planted(case, step))
    write_records(folder.divergences_path(VARIANT, Split.MINING), found, Divergence)
    rows = {(row.locator, row.labels): row.found for row in measure_locators(folder.read_config(), folder)}
    assert set(rows) == {
        (locator, labels)
        for locator in ("alignment", "divergence", "largest_divergence")
        for labels in ("truth", "panel")
    }
    judged = sum(verdict.first_fault is not None for verdict in verdicts)
    for locator in ("divergence", "largest_divergence"):
        one = rows[locator, "panel"]
        assert (one.cases, one.before, one.behind) == (judged, 0, 1)
        assert one.exact.value == pytest.approx((judged - 1) / judged)
    assert rows["alignment", "truth"].cases == len(cases)


def planted(case, step: int) -> Divergence:
    """A divergence with one token per step, of which one differs."""
    steps = range(len(case.solution.steps))
    loud = tuple(2.0 if one == step else 0.0 for one in steps)
    return Divergence(
        solution_id=case.solution.id,
        steps=tuple(steps),
        ends=tuple(range(1, len(steps) + 1)),
        kl=loud,
        entropy=loud,
        margin=loud,
        parting=step if step in steps else None,
        preferred="x" if step in steps else None,
    )
