import pytest
from firstfault.datasets.records import ErrorType, Finish, Problem, Solution, Subtype, VerdictStatus
from firstfault.judge.case import Case
from firstfault.judge.degenerate import DegenerateJudge
from firstfault.judge.processbench import read_cases

PROBLEM = Problem(question="Mia has 4 boxes of 12 apples. How many apples does she have?", answer="48")
STEP = "Step {}: Mia has 4 * 12 = 48 apples in all her boxes."
RAMBLE = "the autumn weather along coastal villages remains pleasant throughout september evenings"


def judge(*steps, finish=Finish.STOP):
    solution = Solution(problem_id=PROBLEM.id, model="m", text="\n".join(steps), steps=steps, finish=finish)
    [verdict] = DegenerateJudge().judge([Case(PROBLEM, solution)])
    return verdict


@pytest.mark.parametrize(
    ("steps", "finish", "step", "subtype"),
    [
        ((STEP.format(1), STEP.format(2), "Answer: 48"), Finish.STOP, 1, Subtype.REPETITION),
        ((STEP.format(1), "Step 2: so.", STEP.format(3)), Finish.DEGENERATE, 2, Subtype.REPETITION),
        ((STEP.format(1), "Step 2: " + "and so it is " * 40), Finish.STOP, 1, Subtype.REPETITION),
        ((STEP.format(1), "Step 2: Mia has"), Finish.LENGTH, 1, Subtype.TRUNCATION),
        ((STEP.format(1), "Step 2: x", "Step 3: x"), Finish.DEGENERATE, 2, Subtype.REPETITION),
        ((STEP.format(1), f"Step: {RAMBLE}"), Finish.STOP, 1, Subtype.OFF_TOPIC),
    ],
)
def test_loops_breaks_and_ramblings_are_found_where_they_start(steps, finish, step, subtype):
    verdict = judge(*steps, finish=finish)
    assert (verdict.status, verdict.error_type) == (VerdictStatus.FAULTY, ErrorType.DEGENERATE)
    assert (verdict.first_fault, verdict.subtype) == (step, subtype)


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (STEP.format(1), "Answer: 48"),
        (STEP.format(1), "Step 2: so the boxes hold them.", STEP.format(3), "Answer: 48"),
        (STEP.format(1), RAMBLE, "So Mia has 48 apples."),
    ],
)
def test_an_ordinary_solution_is_unsure_and_never_clean(steps):
    assert judge(*steps).status is VerdictStatus.UNSURE


def test_real_solutions_that_people_found_right_are_seldom_called_degenerate(data):
    cases = [
        item.case
        for name in ("gsm8k", "math")
        for item in read_cases(data / "processbench-dev" / f"{name}.json")
        if item.label == -1
    ]
    alarms = [verdict for verdict in DegenerateJudge().judge(cases) if verdict.status is VerdictStatus.FAULTY]
    assert len(alarms) <= 0.01 * len(cases)
