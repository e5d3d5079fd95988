import json
import re
from html.parser import HTMLParser

import pytest
from firstfault.annotate.statistics import Interval
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Record, Solution, Verdict
from firstfault.loop import charts
from firstfault.loop.page import render
from firstfault.loop.report import (
    ErrorMix,
    FaultPosition,
    Regression,
    Report,
    positions,
)
from firstfault.loop.report_file import figures, read_report, write_report
from firstfault.loop.wording import p_value, summary, title
from pydantic import ValidationError

HOSTILE = [
    "<script>alert(1)</script>",
    "</script></style></title></textarea><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }} {% for x in y %} {# gone #} ${7*7}",
    "<!-- <iframe src=//example.org>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "javascript:alert(1)",
    "\x00\x1b[31mred\x07\x9b\u202egnp.exe\u2066",
    "<base href=//example.org><link rel=stylesheet href=//example.org/x.css>",
]


class Outline(HTMLParser):
    """Collects the elements of a page, with the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_comment(self, data):
        self.elements.append(("!--", ()))

    def handle_data(self, data):
        self.texts.append(data)


KEPT = {
    "id",
    "problem_id",
    "solution_id",
    "status",
    "error_type",
    "subtype",
    "finish",
    "split",
    "chosen_from",
    "headline",
    "locator",
    "labels",
}


def spoil(value, text):
    """Put `text` in place of every free text of a report."""
    if isinstance(value, Record):
        names = set(type(value).model_fields) - KEPT
        return value.model_copy(update={name: spoil(getattr(value, name), text) for name in names})
    if isinstance(value, dict):
        return {key: spoil(item, text) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(spoil(item, text) for item in value)
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute_to_the_page(sample_report, text):
    # As long, and with spaces at the same places: which tokens are shaded hangs on that.
    calm = re.sub(r"\S", "x", text)
    harmless_page, hostile_page = (Outline(render(spoil(sample_report, planted))) for planted in (calm, text))
    assert hostile_page.elements == harmless_page.elements


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_variants_and_stages_are_inert_too(sample_report, text):
    def renamed(name):
        return sample_report.model_copy(
            update={
                "headline": name,
                "variants": {name: sample_report.main},
                "seconds": {name: 1.0},
                "versions": {name: name},
                "seeds": {name: 1},
            }
        )

    assert Outline(render(renamed(text))).elements == Outline(render(renamed("calm"))).elements


def test_hostile_text_is_shown_as_it_was_written(sample_report):
    outline = Outline(render(spoil(sample_report, HOSTILE[0] + HOSTILE[4])))
    assert any(HOSTILE[0] + HOSTILE[4] in text for text in outline.texts)


def test_a_page_holds_no_script_and_asks_for_nothing(sample_report):
    outline = Outline(render(sample_report))
    names = {tag for tag, _ in outline.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert outline.addresses == []
    assert not any(attribute.startswith("on") for _, given in outline.elements for attribute in given)
    assert "url(" not in render(sample_report)


def test_a_huge_text_is_clipped_and_says_so(sample_report):
    page = render(spoil(sample_report, "x" * 1_000_000))
    assert len(page) < 1_000_000
    assert "more characters" in page


def test_json_holds_what_other_programs_read(sample_report, tmp_path):
    write_report(sample_report, tmp_path)
    whole = json.loads((tmp_path / "report.json").read_text())
    for part in (whole, whole["variants"][sample_report.headline]):
        for model in ("full_precision", "quantized", "restored"):
            assert part["accuracy"][model].keys() == {"value", "low", "high"}
        assert part["recovery"].keys() == {"value", "low", "high"}
        assert part["flips"].keys() == {"regressions", "improvements", "mcnemar_p"}
        assert (part["pairs"], part["held_out"]) == (332, 640)
        assert part["seconds"]["restore"] == 41.2
    assert whole["variants"]["awq-w4g128"]["accuracy"]["restored"] is None
    assert whole["variants"]["awq-w4g128"]["recovery"] is None


def test_a_report_reads_back_as_it_was_written(sample_report, tmp_path):
    write_report(sample_report, tmp_path)
    assert read_report(tmp_path) == sample_report


@pytest.mark.parametrize(
    ("content", "named"),
    [(None, "no such file"), ("{", "not a report"), ("[]", "not a report"), ("{}", "model")],
)
def test_a_report_that_can_not_be_read_is_named_with_a_hint(tmp_path, content, named):
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=named) as caught:
        read_report(tmp_path)
    assert caught.value.hint


def test_the_bare_minimum_still_makes_a_page(sample_report):
    main = sample_report.main
    accuracy = main.accuracy.model_copy(update={"restored": None})
    bare = Report(
        model="m",
        problems="p",
        headline="v",
        variants={"v": type(main)(accuracy=accuracy, flips=main.flips, held_out=640)},
    )
    outline = Outline(render(bare))
    assert "restor" not in " ".join(summary(bare)).lower()
    assert not any(tag == "figure" for tag, _ in outline.elements)


def test_a_regression_without_verdict_or_pair_is_shown(sample_report):
    one = sample_report.regressions[0].model_copy(update={"verdict": None, "pair": None, "restored": None})
    assert "not judged" in render(sample_report.model_copy(update={"regressions": (one,)}))


def test_a_report_refuses_a_headline_it_does_not_have(sample_report):
    with pytest.raises(ValidationError, match="headline 'other'"):
        Report.model_validate({**sample_report.model_dump(), "headline": "other"})


def test_what_json_can_not_hold_is_refused_before_anything_is_written(sample_report, tmp_path):
    nowhere = Interval(value=float("nan"), low=0, high=1)
    main = sample_report.main.model_copy(update={"drop": nowhere})
    with pytest.raises(ValueError, match="JSON"):
        write_report(sample_report.model_copy(update={"variants": {sample_report.headline: main}}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_error_mix_counts_every_verdict_once():
    def verdict(status, **found):
        return Verdict(solution_id="s", judge="j", status=status, **found)

    mix = ErrorMix.of(
        [
            verdict("faulty", first_fault=0, error_type="method"),
            verdict("faulty", first_fault=1),
            verdict("unsure"),
            verdict("clean"),
        ]
    )
    assert (mix.wrong, mix.untyped, mix.unlocated) == (4, 1, 2)
    assert [(kind.value, share.count, share.share.value) for kind, share in mix.types.items()] == [
        ("method", 1, 1.0)
    ]
    assert ErrorMix.of([]).types == {}


def test_the_title_does_not_call_chance_a_loss(sample_report):
    assert title(sample_report) == (
        "At 2 bits, abacus-3m solves 65.6% of the problems instead of 96.8%. Restored, it solves 92.8%."
    )
    harmless_variant = sample_report.model_copy(update={"headline": "awq-w4g128"})
    assert title(harmless_variant) == (
        "At 4 bits, abacus-3m solves 96.5% of the problems, full precision 96.8%: "
        "no more than chance explains."
    )


def test_positions_pass_over_verdicts_without_a_fault_in_the_solution():
    solution = Solution(problem_id="p", model="m", text="a", steps=("a", "b"))
    found = Verdict(solution_id=solution.id, judge="j", status="faulty", first_fault=1)
    beyond = found.model_copy(update={"first_fault": 2})
    clean = Verdict(solution_id=solution.id, judge="j", status="clean")
    assert positions([(v, solution) for v in (found, beyond, clean)]) == (FaultPosition(step=1, steps=2),)


def test_a_fault_is_spread_over_the_stretch_its_step_covers():
    assert charts.masses([FaultPosition(step=0, steps=2)]) == pytest.approx([0.2] * 5 + [0] * 5)
    many = [FaultPosition(step=k % n, steps=n) for n in range(1, 30) for k in range(n)]
    assert sum(charts.masses(many)) == pytest.approx(1)


def test_marks_stay_inside_their_picture():
    scale = charts.scale_for([Interval(value=0.97, low=0.95, high=1.0)])
    assert (scale.low, scale.high) == (0.9, 1.0)
    assert (scale.at(-5), scale.at(5)) == (0, 100)
    assert scale.ticks[0] == 0.9
    assert scale.ticks[-1] == 1.0


@pytest.mark.parametrize(
    ("p", "said"), [(0, "< 10⁻³⁰⁰"), (3.1e-48, "3 × 10⁻⁴⁸"), (0.0371, "0.037"), (0.25, "0.25"), (1, "1.00")]
)
def test_p_values_read_well(p, said):
    assert p_value(p).replace("\u00a0", " ") == said


def test_figures_keep_the_order_of_the_variants(sample_report):
    assert list(figures(sample_report)["variants"]) == list(sample_report.variants)
    assert isinstance(sample_report.regressions[0], Regression)
