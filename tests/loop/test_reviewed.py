import json

import pytest
from firstfault.annotate.argilla.agreement import measure_reviews
from firstfault.annotate.argilla.asking import What
from firstfault.annotate.argilla.figures import ReviewFigures, Said
from firstfault.annotate.statistics import Interval
from firstfault.loop import reviewed
from firstfault.loop.folder import RunFolder
from firstfault.loop.page import render
from firstfault.loop.summary import read_reviews
from firstfault.loop.terminal import reviews_picture
from rich.console import Console
from simulated_reviews import Person, review_by

SECTION = "Reviewed by people"
HOSTILE = "\x1b[2J<script>alert(1)</script>[red]"


def figures_of(people, **options) -> ReviewFigures:
    found = review_by(people, **options)
    return measure_reviews(found.reviews, found.sampled, found.verdicts)


def printed(figures, width=80):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(reviews_picture(figures))
    return console.export_text()


@pytest.fixture(scope="module")
def figures(sample_report):
    return sample_report.reviews


def test_a_report_without_reviews_has_no_section_about_them(sample_report):
    assert SECTION in render(sample_report)
    assert SECTION not in render(sample_report.model_copy(update={"reviews": None}))


def test_a_run_folder_keeps_the_figures(figures, tmp_path):
    folder = RunFolder(tmp_path)
    assert read_reviews(folder) is None
    folder.write_facts("reviews", figures.model_dump(mode="json"))
    assert read_reviews(folder) == figures


def test_nothing_reviewed_yet_can_be_shown(sample_report):
    nothing = measure_reviews([], [], [])
    assert "0 people gave 0 reviews of 0 solutions." in printed(nothing)
    assert SECTION in render(sample_report.model_copy(update={"reviews": nothing}))


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_in_the_terminal(figures, width):
    text = printed(figures, width)
    assert all(one.reviewer in text for one in figures.reviewers)
    assert "…" not in text
    assert f"({reviewed.coefficient(figures.reviewers[0].with_judge.kappa_first_fault)})" in text


def test_a_reviewer_s_name_commands_neither_terminal_nor_page(sample_report):
    figures = figures_of([Person(HOSTILE, follows=1.0), Person("b")], gold=40, solutions=40)
    text, page = printed(figures), render(sample_report.model_copy(update={"reviews": figures}))
    assert "\x1b" not in text
    assert "[red]" in text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_shows_what_was_counted(sample_report, figures):
    page = render(sample_report)
    people = figures.confusion[Said.EXECUTION]
    assert f">{people[Said.EXECUTION]}</td>" in page
    assert f"{figures.reviews:,} reviews" in page
    whole = json.loads(sample_report.model_dump_json())
    assert whole["reviews"]["confusion"]["execution"]["execution"] == people[Said.EXECUTION]


def test_who_follows_wrong_suggestions_is_named_and_others_are_not():
    people = [Person("ann", 0.95), Person("cleo", 0.95, follows=1.0)]
    said = " ".join(reviewed.lead(figures_of(people, gold=60, solutions=40)))
    assert "cleo followed 100% of the wrong suggestions" in said
    assert "ann followed" not in said


def test_anchoring_is_said_where_it_is_and_not_where_chance_may_do_it():
    def said(follows):
        people = [Person(name, 0.9, follows=follows) for name in ("ann", "bob")]
        return " ".join(reviewed.lead(figures_of(people, solutions=300, judge=0.6)))

    assert "suggestions draw them" in said(0.6)
    assert "chance alone may do that" in said(0.0)
    all_shown = [Person("ann", 0.9)]
    assert "suggestion and in" not in " ".join(reviewed.lead(figures_of(all_shown, blind="none")))


def test_the_judge_is_shown_by_its_blind_figures_where_there_are_enough():
    people = [Person("ann", 0.95, follows=0.9)]
    many = figures_of(people, solutions=200, judge=0.6)
    few = figures_of(people, solutions=40, judge=0.6)
    assert reviewed.trusted(many) is many.judge_blind
    assert reviewed.trusted(few) is few.judge
    assert "nobody saw a suggestion on" in " ".join(reviewed.lead(many))
    assert "nobody saw a suggestion on" not in " ".join(reviewed.lead(few))


def test_of_many_pairs_the_largest_are_shown_and_the_others_counted():
    people = [Person(f"p{n}", share=0.3 + 0.1 * n) for n in range(6)]
    figures = figures_of(people, solutions=60, what=What.ALL)
    shown = [row for row in reviewed.rows(figures) if row.name.startswith("p") and "judge" not in row.name]
    assert len(figures.pairs) == 15
    assert len(shown) == reviewed.MOST_PAIRS == 10
    least = min(row.accord.solutions for row in shown)
    assert sum(pair.accord.solutions > least for pair in figures.pairs) <= 10
    assert reviewed.view(figures)["left_out"] == 5


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({}, [("0", 0)]),
        ({0: 3, 1: 2}, [("−1", 0), ("0", 3), ("+1", 2)]),
        ({-7: 1, -4: 2, 0: 3}, [("≤−4", 3), ("−3", 0), ("−2", 0), ("−1", 0), ("0", 3), ("+1", 0)]),
    ],
)
def test_distances_are_shown_from_as_far_before_as_after(counts, shown):
    found = reviewed.distances(counts)
    assert found[: len(shown)] == shown
    assert len(found) % 2 == 1
    assert sum(count for _, count in found) == sum(counts.values())


def test_coefficients_below_nothing_read_well():
    assert reviewed.coefficient(Interval(value=0.1, low=-0.05, high=0.2)) == "−0.05 to 0.20"
    assert reviewed.coefficient(Interval(value=0.6, low=0.55, high=0.66)) == "0.55–0.66"
