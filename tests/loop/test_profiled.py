"""What the page shows of divergences."""

import re
from itertools import pairwise

import pytest
from divergent import by_words, diverging
from firstfault.datasets.records import Interval, Split, Verdict, VerdictStatus
from firstfault.loop import charts
from firstfault.loop.aligned import Cell
from firstfault.loop.page import render
from firstfault.loop.profile import Profile
from firstfault.loop.profiled import locators, shaded, view
from firstfault.loop.regularities import Locator, LocatorRow


@pytest.fixture
def example(sample_report):
    """A regression whose third step has a token on which the models part."""
    regression = sample_report.regressions[0]
    solution = regression.quantized
    ends = by_words(solution)
    place = ends.index(solution.text.index("18 jars") + 2)
    kl = [0.0] * len(ends)
    kl[place], kl[place + 3], kl[place + 5] = 3.0, 0.4, 0.5
    profile = Profile.of(diverging(solution, ends, kl, place), solution)
    return regression.model_copy(update={"profile": profile})


def test_divergent_tokens_are_shaded_in_their_step_and_the_parting_is_framed(example):
    text = "The neighbours get 5 * 3 = 18 jars."
    shown = shaded(example, Cell(3, text, "fault"))
    assert re.sub("<[^>]*>", "", shown) == text
    assert '= <mark class="parting d40" title="KL divergence 3.00 nats">18</mark> jars.' in shown
    assert "<mark" not in shaded(example, Cell(2, "After the market 96 - 37 = 59 jars remain.", "fine"))
    # The one in step 4, where it is no parting.
    fourth = example.quantized.steps[3].removeprefix("Step 4: ")
    assert '<mark class="d10"' in shaded(example, Cell(4, fourth, "after"))
    # Not the one in the label, which is not shown.
    assert shaded(example, Cell(4, fourth, "after")).count("<mark") == 1


def test_text_of_models_is_escaped_between_and_within_the_shades(example):
    hostile = ("<b>5</b> & 3", "= <i>18</i>")
    solution = example.quantized.model_copy(update={"steps": hostile, "text": "\n".join(hostile)})
    ends = by_words(solution)
    profile = Profile.of(diverging(solution, ends, [1.0] * len(ends), 1), solution)
    spoiled = example.model_copy(update={"quantized": solution, "profile": profile})
    for number, text in enumerate(hostile, start=1):
        shown = shaded(spoiled, Cell(number, text, "fine"))
        assert set(re.findall("<(/?[a-z]+)", shown)) <= {"mark", "/mark"}
        assert "&lt;" in shown


def test_maths_is_shaded_as_a_whole_by_its_most_divergent_token(example):
    step = r"so \(x = 5 + 3\) holds here"
    solution = example.quantized.model_copy(update={"steps": (step,), "text": step})
    ends = by_words(solution)
    kl = [0.0] * len(ends)
    within = [place for place, end in enumerate(ends) if step.index("=") < end <= step.index(r"\)") + 2]
    kl[within[0]], kl[within[2]], kl[-1] = 0.5, 3.0, 1.0
    profile = Profile.of(diverging(solution, ends, kl, within[2]), solution)
    spoiled = example.model_copy(update={"quantized": solution, "profile": profile})
    shown = shaded(spoiled, Cell(1, step, "fine"))
    first, second = re.findall(r'<mark class="([^"]*)" title="([^"]*)">', shown)
    assert first == ("parting d40", "KL divergence 3.00 nats")
    assert second == ("d20", "KL divergence 1.00 nats")
    assert re.search(r"<mark [^>]*><math.*</math></mark> holds <mark [^>]*>here</mark>$", shown)
    assert shown.startswith("so <mark")


def test_the_words_say_where_they_part_and_whether_the_judges_agree(example):
    def words(fault: int | None) -> str:
        verdict = Verdict(
            solution_id=example.quantized.id,
            judge="panel",
            status=VerdictStatus.UNSURE if fault is None else VerdictStatus.FAULTY,
            first_fault=fault,
        )
        found = view(example.model_copy(update={"verdict": verdict}))
        assert found is not None
        assert found["judged"] is (fault is not None)
        return found["words"]

    assert "in step 3: “18” is written, full precision would most likely write “12”" in words(2)
    assert words(2).endswith("first fault in the same step.")
    assert words(3).endswith("first fault behind it, in step 4.")
    assert words(0).endswith("first fault before it, in step 1.")
    assert "judges" not in words(None)


def test_a_solution_that_nowhere_parts_says_so(example):
    solution = example.quantized
    ends = by_words(solution)
    profile = Profile.of(diverging(solution, ends, [0.0] * len(ends)), solution)
    found = view(example.model_copy(update={"profile": profile}))
    assert found is not None
    assert "same" in found["words"]
    assert not found["parts"]
    assert 'class="mark"' not in found["lanes"][0]["chart"]
    assert view(example.model_copy(update={"profile": None})) is None


def test_the_strip_marks_the_parting_within_the_band_of_the_faulty_step(example):
    found = view(example)
    assert found is not None
    chart = found["lanes"][0]["chart"]
    mark = float(re.search(r'class="mark" x1="([\d.]+)%"', chart)[1])
    start, width = (
        float(one) for one in re.search(r'class="band" x="([\d.]+)%" width="([\d.]+)%"', chart).groups()
    )
    assert start < mark < start + width
    assert "by step, in nats: 1: 0.00, 2: 0.00, 3: 3.00, 4: 0.90" in chart
    # The most divergent column is the longest.
    columns = {float(x): -float(v) for x, v in re.findall(r"M([\d.]+) 44v(-[\d.]+)h", chart)}
    assert len(columns) == 3
    assert 100 * max(columns, key=columns.get) / len(example.profile.kl) == pytest.approx(mark, abs=1)


def test_columns_below_nought_hang_and_nothing_leaves_the_picture():
    chart = charts.strip([2.0, -4.0, 0.0], 2.0, 40, charts.Ruler(()), "x")
    above, below = re.findall(r'class="(?:above|below)" d="([^"]*)"', chart)
    assert above.count("M") == below.count("M") == 1
    assert "v-17h" in above
    assert "v17h" in below


def test_names_under_a_strip_do_not_run_into_each_other():
    places = [
        float(one)
        for one in re.findall(r'<text x="([\d.]+)%"', charts.spans([(n / 10, "7") for n in range(999)]))
    ]
    assert 20 < len(places) < 45
    assert min(after - before for before, after in pairwise(places)) > 2


def test_every_locator_stands_in_the_table_with_its_cases(sample_report):
    share = Interval(value=0.96, low=0.901, high=0.984)
    rows = tuple(
        LocatorRow(
            locator=name,
            split=Split.HELD_OUT,
            labels=labels,
            found=Locator(cases=99, exact=share, before=1, behind=3),
        )
        for name in ("alignment", "divergence", "largest_divergence")
        for labels in ("truth", "panel")
    )
    report = sample_report.model_copy(update={"locators": rows})
    found = locators(report)
    assert found is not None
    assert [head["name"] for head in found["heads"]] == ["Held-out, by the truth", "Held-out, by the judges"]
    assert [len(row["cells"]) for row in found["rows"]] == [2, 2, 2]
    assert found["rows"][1]["cells"][0]["others"] == "1 before, 3 behind"
    page = render(report)
    assert "First faults without a judge" in page
    assert "90.1–98.4%" in page
    assert "First faults without a judge" not in render(sample_report.model_copy(update={"locators": ()}))
