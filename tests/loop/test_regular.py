import pytest
from firstfault.annotate.statistics import Ratio
from firstfault.datasets.records import Interval
from firstfault.loop.findings import lead
from firstfault.loop.inspected import measure_regularities
from firstfault.loop.inspecting import inspect_solutions
from firstfault.loop.page import render
from firstfault.loop.progress import Reporter
from firstfault.loop.regular import view
from firstfault.loop.wording import points, ratio
from held_out_run import VARIANT, write_held_out_run


@pytest.fixture(scope="module")
def report(sample_report, tmp_path_factory):
    folder, _ = write_held_out_run(tmp_path_factory.mktemp("run") / "run", 60)
    inspect_solutions(folder.read_config(), folder, Reporter())
    found = measure_regularities(folder.read_config(), folder)
    variants = {VARIANT: sample_report.main}
    update = {"regularities": found, "headline": VARIANT, "variants": variants}
    return sample_report.model_copy(update=update)


def test_every_claim_comes_with_its_number_of_cases(report):
    found = {one.title: one.text for one in lead(report)}
    assert set(found) == {
        "Hazard",
        "Earliness",
        "Self-recovery",
        "Error mix",
        "Difficulty",
        "Length",
        "Uncommitted",
        "Parting",
    }
    against = report.regularities.by_truth.against[VARIANT]
    faulty = report.regularities.by_truth.models[VARIANT].recovery.all.faulty
    assert f"{faulty} first faults" in found["Hazard"]
    assert ratio(against.hazards.ratio) in found["Hazard"]
    assert "60 problems" in found["Hazard"]
    assert "60 problems" in found["Difficulty"]


def test_the_page_shows_them_and_escapes_what_stands_in_them(report):
    page = render(report)
    assert "Regularities" in page
    assert "They part here" in page
    regularities = report.regularities
    level = regularities.losses[VARIANT].level
    hostile = level.groups[0].model_copy(update={"name": "<script>alert(1)</script>"})
    spoiled = level.model_copy(update={"groups": (hostile, *level.groups[1:])})
    losses = {VARIANT: regularities.losses[VARIANT].model_copy(update={"level": spoiled})}
    changed = regularities.model_copy(update={"losses": losses})
    assert "<script" not in render(report.model_copy(update={"regularities": changed}))


def test_without_the_truth_the_page_says_what_its_figures_are_by(report):
    proven = report.regularities.model_copy(update={"by_truth": None})
    page = render(report.model_copy(update={"regularities": proven}))
    assert "lower bounds" in page
    assert "exact programs" not in page


def test_a_report_without_regularities_has_no_section(sample_report):
    assert sample_report.regularities is None
    assert view(sample_report) is None
    assert lead(sample_report) == []
    assert "<h2>Regularities" not in render(sample_report)


def test_figures_read_well():
    assert ratio(Ratio(value=12.89, low=7.72, high=None)) == "12.9 (7.72 to no upper limit)"
    assert ratio(Ratio(value=0.4256, low=0.27, high=310.4)) == "0.43 (0.27 to 310)"
    assert ratio(None) == "–"
    assert points(Interval(value=0.035, low=-0.02, high=0.05)) == "+3.5 (−2.0 to 5.0)"
