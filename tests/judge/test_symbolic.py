import json

import pytest
from firstfault.annotate.steps import split_steps
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Problem, Solution, Split, Subtype, VerdictStatus
from firstfault.judge.agreement import measure_agreement
from firstfault.judge.case import Case
from firstfault.judge.item import truth
from firstfault.judge.processbench import read_cases
from firstfault.judge.symbolic import SymbolicJudge

PROBLEM = Problem(question="How many?", answer="36")


def judge(*steps):
    solution = Solution(problem_id=PROBLEM.id, model="m", text="\n".join(steps), steps=steps)
    [verdict] = SymbolicJudge().judge([Case(PROBLEM, solution)])
    return verdict


def test_the_first_false_equation_is_an_execution_fault_with_its_correction():
    verdict = judge(
        "Step 1: Mia has 4 * 12 = 48 apples.",
        "Step 2: She sells 25% of 48 = 14 apples.",
        "Step 3: 48 - 14 = 35.",
    )
    assert (verdict.status, verdict.first_fault) == (VerdictStatus.FAULTY, 1)
    assert (verdict.error_type, verdict.subtype) == (ErrorType.EXECUTION, Subtype.COMPUTATION)
    assert "25% of 48 = 14" in verdict.rationale
    assert "12" in verdict.rationale
    assert verdict.corrected_step == "Step 2: She sells 25% of 48 = 12 apples."


def test_right_arithmetic_is_unsure_and_never_clean():
    verdict = judge("Step 1: Mia has 4 + 12 = 16 apples.", "Answer: 16")
    assert (verdict.status, verdict.reason) == (VerdictStatus.UNSURE, "no false arithmetic")


def test_a_solution_without_steps_is_unscored():
    assert judge().status is VerdictStatus.UNSCORED


def test_false_arithmetic_behind_steps_that_cannot_be_checked_is_not_called_the_first_fault():
    verdict = judge(*["Consider the triangle."] * 4, "So 3 + 4 = 8.")
    assert verdict.status is VerdictStatus.UNSURE
    assert "step 5" in (verdict.reason or "")
    assert judge(*["Consider the triangle."] * 3, "So 3 + 4 = 8.").first_fault == 3


def test_one_verdict_comes_per_case_in_order():
    cases = [
        Case(PROBLEM, Solution(problem_id=PROBLEM.id, model="m", text=step, steps=(step,)))
        for step in ("1 + 1 = 3", "1 + 1 = 2", "2 + 2 = 5")
    ]
    verdicts = list(SymbolicJudge().judge(cases))
    assert [verdict.solution_id for verdict in verdicts] == [case.solution.id for case in cases]
    assert [verdict.first_fault for verdict in verdicts] == [0, None, 0]


@pytest.fixture(scope="module")
def problems():
    return generate(Split.MINING, 400, seed=5)


def test_no_right_abacus_solution_raises_an_alarm(problems):
    cases = [Case(problem, right_solution(problem)) for problem in problems]
    assert {verdict.status for verdict in SymbolicJudge().judge(cases)} == {VerdictStatus.UNSURE}


def test_injected_execution_faults_are_found_where_they_were_planted(problems):
    injected = [
        (problem, planted)
        for seed, problem in enumerate(problems)
        if (planted := inject(problem, seed % (problem.level or 1), ErrorType.EXECUTION, seed=seed))
    ]
    verdicts = SymbolicJudge().judge([Case(problem, planted.solution) for problem, planted in injected])
    right = [
        verdict.first_fault == planted.step for verdict, (_, planted) in zip(verdicts, injected, strict=True)
    ]
    assert len(right) > 300
    assert sum(right) >= 0.95 * len(right)


@pytest.fixture(scope="module")
def labelled(data):
    """(verdict, what people saw) of every item of both files."""
    pairs = {}
    for name in ("gsm8k", "math"):
        items = read_cases(data / "processbench-dev" / f"{name}.json")
        verdicts = SymbolicJudge().judge([item.case for item in items])
        pairs[name] = [(verdict, truth(item)) for verdict, item in zip(verdicts, items, strict=True)]
    return pairs


@pytest.mark.parametrize("files", [("gsm8k",), ("math",), ("gsm8k", "math")])
def test_real_solutions_raise_few_false_alarms_and_flags_are_where_people_saw_the_fault(labelled, files):
    pairs = [pair for name in files for pair in labelled[name]]
    agreement = measure_agreement("symbolic", pairs)
    assert agreement.false_alarms.value <= 0.02
    assert agreement.flagged_right.value >= 0.8
    assert agreement.flagged >= 0.1 * agreement.faulty


def test_long_texts_of_a_quantized_model_are_judged_without_a_crash(data):
    cases = []
    for line in (data / "gptq-w3-vs-w4" / "math500_w3_wrong_w4_right.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        problem = Problem(question=row["problem"], answer=row["gold"])
        _, steps = split_steps(row["gptq_w3_text"])
        cases.append(
            Case(problem, Solution(problem_id=problem.id, model="w3", text=row["gptq_w3_text"], steps=steps))
        )
    verdicts = list(SymbolicJudge().judge(cases))
    assert len(verdicts) == 78
    assert {verdict.status for verdict in verdicts} <= {VerdictStatus.FAULTY, VerdictStatus.UNSURE}
