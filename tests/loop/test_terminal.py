import pytest
from firstfault.annotate.statistics import Interval
from firstfault.datasets.provenance import FormatTuned
from firstfault.loop.page import render
from firstfault.loop.report import FormatTuningReport
from firstfault.loop.terminal import bar, columns, show
from rich.console import Console


def printed(report, width=110, **options):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    show(report, console, **options)
    return console.export_text()


def test_the_table_holds_accuracy_flips_and_recovery_of_every_variant(sample_report):
    text = printed(sample_report)
    assert "65.6% (62.6–68.6%)" in text
    assert "−205 +5" in text
    assert "0.87 (0.81–0.93)" in text or "0.87 (0.82–0.93)" in text
    assert all(name in text for name in sample_report.variants)


def test_one_line_says_how_often_the_models_follow_the_format(sample_report):
    (line,) = [one for one in printed(sample_report, 200).splitlines() if "step format" in one]
    for role, one in sample_report.main.behaviour.items():
        assert f"{role.replace('_', ' ')} {100 * one.well_formed.value:.1f}% (" in line
    silent = {"behaviour": {}}
    variants = {sample_report.headline: sample_report.main.model_copy(update=silent)}
    assert "step format" not in printed(sample_report.model_copy(update={"variants": variants}))


def test_what_teaching_the_format_did_is_said_on_the_terminal_and_on_the_page(sample_report):
    known = sample_report.main.behaviour["full_precision"]
    tuned = FormatTuningReport(
        made=FormatTuned(model="plain", sha256="0" * 64, read=200, right=150, rewritten=20, learnt=140),
        before=known.model_copy(update={"well_formed": Interval(value=0.12, low=0.1, high=0.15)}),
        after=known,
    )
    report = sample_report.model_copy(update={"format_tuning": tuned})
    (line,) = [one for one in printed(report, 800).splitlines() if "was taught" in one]
    for said in (
        "plain",
        "140 of its own right solutions",
        "20 of them",
        "12.0% (10.0–15.0%) before",
        "99.8%",
    ):
        assert said in line
        assert said in render(report)
    assert "was taught" not in render(sample_report) + printed(sample_report)


@pytest.mark.parametrize("width", [80, 96, 140])
def test_nothing_is_cut_at_usual_widths(sample_report, width):
    assert "…" not in printed(sample_report, width)


def test_the_path_of_the_page_is_not_broken_over_lines(sample_report, tmp_path):
    path = tmp_path / ("deep/" * 30) / "report.html"
    assert str(path) in printed(sample_report, 80, html=path)


def test_names_can_not_command_the_terminal(sample_report):
    hostile = "\x1b[2Jgone[red]\x07"
    variants = {hostile: sample_report.main}
    text = printed(
        sample_report.model_copy(update={"variants": variants, "headline": hostile, "model": hostile})
    )
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]" in text


def test_bars_show_every_share_above_nothing():
    assert (bar(0, 8), bar(1, 8), bar(0.5, 8)) == ("", "████████", "████")
    assert bar(0.0001, 8) == "▏"
    assert columns([0, 0.001, 1], 1) == "  ▁▁██"
