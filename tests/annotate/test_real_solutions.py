"""Real solutions by real models are split, graded and compared as their sources say.

The data stands beside the repository, is described in its SOURCES.md and is only read.
"""

import importlib.util
import sys
from pathlib import Path

import pytest
from firstfault.annotate.grading import Grader

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real solutions at {DATA}")


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("real_solutions", ROOT / "benchmarks" / "real_solutions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def grader():
    with Grader() as grader:
        yield grader


def test_gsm8k_solutions_of_four_models_are_graded_as_their_source_graded_them(benchmark, grader):
    figures = benchmark.grading_of_gsm8k_solutions(DATA, grader)
    assert figures["n"] == 5276
    assert figures["agree"] / figures["n"] >= 0.995, figures["disagreements"]


def test_every_gold_answer_is_right_against_itself(benchmark, grader):
    figures = benchmark.gold_answers(DATA, grader)
    assert (figures["gsm8k"]["n"], figures["gsm8k"]["wrong"]) == (8792, [])
    assert (figures["math500"]["n"], figures["math500"]["wrong"]) == (500, [])


def test_the_gold_answer_of_another_problem_is_wrong(benchmark, grader):
    figures = benchmark.gold_answers_of_other_problems(DATA, grader)
    # The two stand side by side in the file, and are the same answer.
    assert figures["right"] == [("5", "x=5")]


def test_the_exact_mcnemar_figures_of_the_paired_answers_are_reproduced(benchmark):
    figures = benchmark.flips_of_paired_answers(DATA)
    for variant, regressions, improvements, p in [
        ("awq_w4", 31, 23, 0.341),
        ("awq_w3", 171, 9, 6.1e-40),
        ("gptq_w4", 32, 22, 0.220),
        ("gptq_w3", 88, 20, 2.3e-11),
        ("kv4", 34, 30, 0.708),
    ]:
        assert figures[variant]["regressions"] == regressions
        assert figures[variant]["improvements"] == improvements
        assert figures[variant]["mcnemar_p"] == pytest.approx(p, rel=0.02)


def test_regressions_caused_by_gptq_are_imported_split_and_graded(benchmark, grader):
    figures = benchmark.imported_regressions(DATA, grader)
    assert figures["n"] == 78
    assert 78 - figures["gptq_w3"]["right"] >= 75
    assert figures["gptq_w4"]["right"] >= 75
    # What loses the answer at 3 bits is, in part, endless repetition.
    assert figures["gptq_w3"]["degenerate"] > 10 * figures["gptq_w4"]["degenerate"]
