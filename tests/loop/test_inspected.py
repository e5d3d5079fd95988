"""The regularities of a run come out as they were planted."""

import shutil

import pytest
from firstfault.datasets.records import ErrorType, Split
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.inspected import measure_regularities
from firstfault.loop.inspecting import inspect_solutions, read_inspections
from firstfault.loop.progress import Reporter
from firstfault.loop.regularities import Locator, Regularities
from held_out_run import RESTORED, VARIANT, write_held_out_run


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    folder, planted = write_held_out_run(tmp_path_factory.mktemp("run") / "run")
    inspect_solutions(folder.read_config(), folder, Reporter())
    return folder, planted


@pytest.fixture(scope="module")
def found(inspected) -> Regularities:
    folder, _ = inspected
    measured = measure_regularities(folder.read_config(), folder)
    assert measured is not None
    return measured


def test_every_planted_fault_is_in_the_figures_of_its_model(inspected, found):
    _, planted = inspected
    assert set(found.by_truth.models) == {FULL_PRECISION, VARIANT, RESTORED}
    for model, count in planted.items():
        by_truth = found.by_truth.models[model]
        assert by_truth.recovery.all.faulty == count
        assert sum(step.faults for step in by_truth.life) == count
        assert (by_truth.solutions, by_truth.left_out) == (90, 0)
        # What is proven is never more than what is true.
        assert found.by_proof.models[model].recovery.all.faulty <= count


def test_the_variant_is_found_to_go_wrong_more_often_and_the_restored_one_less(found):
    worse = found.by_truth.against[VARIANT].hazards
    assert worse.p < 0.001
    assert worse.ratio is not None
    assert worse.ratio.low > 1
    assert found.by_truth.against[RESTORED].hazards.ratio.value < worse.ratio.value


def test_the_truth_has_the_kinds_that_were_planted_and_proof_only_execution(found):
    mix = found.by_truth.against[VARIANT].mix
    assert set(mix.kinds) == {ErrorType.EXECUTION, ErrorType.CONCEPTUAL}
    assert mix.kinds[ErrorType.EXECUTION].rate is not None
    assert set(found.by_proof.against[VARIANT].mix.kinds) == {ErrorType.EXECUTION}
    # The panel sees regressions only, so that it knows no rates.
    assert found.by_panel[VARIANT].kinds[ErrorType.EXECUTION].rate is None


def test_parting_finds_the_planted_faults(found):
    assert found.parting["truth"].cases == found.parting["panel"].cases > 10
    assert found.parting["truth"].exact.value > 0.9


def test_lengths_losses_and_searches_are_those_of_the_variant(inspected, found):
    folder, planted = inspected
    assert found.lengths[VARIANT].all.ratio.value == pytest.approx(1.1)
    assert sum(group.problems for group in found.losses[VARIANT].level.groups) == 90
    assert found.uncommitted[VARIANT].wrong + found.uncommitted[VARIANT].left_out == planted[VARIANT]
    assert set(found.losses) == {VARIANT, RESTORED}
    assert len(read_inspections(folder, VARIANT)) == 90


def test_what_was_looked_through_is_not_looked_through_again(inspected):
    folder, _ = inspected
    path = folder.inspections_path(VARIANT)
    before = path.stat().st_mtime_ns
    inspect_solutions(folder.read_config(), folder, Reporter())
    assert path.stat().st_mtime_ns == before


def test_a_run_that_was_not_looked_through_has_no_regularities(inspected, tmp_path):
    folder, _ = inspected
    shutil.copytree(folder.path, tmp_path / "run")
    copy = RunFolder(tmp_path / "run")
    copy.inspections_path(FULL_PRECISION).unlink()
    assert measure_regularities(copy.read_config(), copy) is None


def test_before_restoring_the_others_have_theirs(inspected, tmp_path):
    folder, _ = inspected
    shutil.copytree(folder.path, tmp_path / "run")
    copy = RunFolder(tmp_path / "run")
    copy.inspections_path(RESTORED).unlink()
    copy.solutions_path(RESTORED, Split.HELD_OUT).unlink()
    copy.verdicts_path(RESTORED, Split.HELD_OUT).unlink()
    found = measure_regularities(copy.read_config(), copy)
    assert set(found.by_truth.models) == {FULL_PRECISION, VARIANT}
    assert set(found.by_panel) == {VARIANT}


def test_figures_read_back_as_they_were_written(found):
    assert Regularities.model_validate_json(found.model_dump_json()) == found


def test_a_locator_counts_every_case_once():
    located = Locator.of([(1, 1), (0, 1), (None, 2), (3, 2), (2, 2)])
    assert (located.cases, located.before, located.behind) == (5, 1, 2)
    assert located.exact.value == 0.4
    assert Locator.of([]).exact is None
