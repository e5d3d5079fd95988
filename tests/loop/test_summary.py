"""The report as it is put together from a run's folder."""

import re
from pathlib import Path

import pytest
from firstfault.datasets.abacus import generate
from firstfault.datasets.funnel import Gate
from firstfault.datasets.injector import right_solution
from firstfault.datasets.records import Split
from firstfault.datasets.store import write_records
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.page import render
from firstfault.loop.report_file import read_report, write_report
from firstfault.loop.summary import renew_report, summarise
from mined import VARIANT
from mined_run import write_run


@pytest.fixture
def run(tiny_model, tmp_path: Path) -> RunFolder:
    folder = write_run(tmp_path / "run", tiny_model, count=30)
    for model, solved in ((FULL_PRECISION, 5), (VARIANT, 2)):
        graded = [
            right_solution(problem).model_copy(update={"model": model, "correct": place < solved})
            for place, problem in enumerate(generate(Split.HELD_OUT, 5))
        ]
        write_records(folder.solutions_path(model, Split.HELD_OUT), graded)
    folder.write_facts(f"quantize-{VARIANT}", {"bits_per_weight": 3.5, "size_bytes": 1000, "seconds": 1.0})
    return folder


def test_the_page_shows_every_gate_with_its_counts_and_reasons(run):
    report = summarise(run.read_config(), run)
    gates = [Gate.model_validate(gate) for gate in run.facts("curate")["funnel"]]
    assert report.funnel == tuple(gates)
    assert any(gate.dropped for gate in gates)
    section = render(report).split("From regressions to pairs")[1].split("</section>")[0]
    rows = re.findall(r'<th scope="row">(.*?)<small>.*?<td>(\d+)<small>of (\d+)</small>', section, re.DOTALL)
    assert [(name, int(kept), int(of)) for name, kept, of in rows] == [
        (gate.name, gate.kept, gate.entered) for gate in gates
    ]
    assert all(gate.reasons in section for gate in gates)
    most = gates[0].entered
    widths = re.findall(r'<rect class="(lost|bar)"[^>]*? width="([\d.]+)%"', section)
    drawn = [
        (kind, pytest.approx(100 * part / most, abs=0.01))
        for gate in gates
        for kind, part in (("lost", gate.entered), ("bar", gate.kept))
    ]
    assert [(kind, float(width)) for kind, width in widths] == drawn


def test_a_reason_is_escaped_and_a_run_without_a_funnel_has_no_table(run):
    report = summarise(run.read_config(), run)
    hostile = Gate(name="<b>", meaning="<i>x</i>", entered=2, dropped={"<script>alert(1)</script>": 1})
    page = render(report.model_copy(update={"funnel": (hostile,)}))
    assert not re.search(
        r"<b>|<i>x|<script", page.split("From regressions to pairs")[1].split("</section>")[0]
    )
    assert "From regressions to pairs" not in render(report.model_copy(update={"funnel": ()}))


def test_a_report_is_written_anew_only_where_there_is_one_and_keeps_its_command(run):
    config = run.read_config()
    assert renew_report(config, run) is None
    assert not (run.path / "report.json").exists()
    write_report(summarise(config, run, command="firstfault run my.yaml"), run.path)
    facts = run.facts("curate")
    fewer = [{"name": "located", "meaning": "found", "entered": 7, "dropped": {"not found": 3}}]
    run.write_facts("curate", {**facts, "funnel": fewer})
    assert renew_report(config, run) == run.path / "report.html"
    report = read_report(run.path)
    assert report.command == "firstfault run my.yaml"
    assert [(gate.name, gate.kept) for gate in report.funnel] == [("located", 4)]
    assert "3 not found" in (run.path / "report.html").read_text()
