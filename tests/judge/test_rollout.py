import re

import pytest
from firstfault.annotate.engines.engine import Sampling
from firstfault.datasets.records import ErrorType, Finish, Problem, Solution, Subtype, VerdictStatus
from firstfault.judge.case import Case
from firstfault.judge.rollout import RolloutJudge

QUESTION = "Mia has 4 boxes of 12 apples and 7 pears. She sells a quarter of the apples. How many are left?"
PROBLEM = Problem(question=QUESTION, answer="36")
ONE = "Step 1: Mia has 4 * 12 = 48 apples.\n"
TWO = "Step 2: Mia sells 1/4 of 48 = 12 apples.\n"
THREE = "Step 3: Mia has 48 - 12 = 36 apples left.\n"
END = "Answer: 36"


def reaches(problem, text):
    found = re.findall(r"Answer: (\S+)", text)
    return bool(found) and found[-1] == problem.answer


def case(text, full_precision=None):
    steps = tuple(text.splitlines())
    known = Solution(problem_id=PROBLEM.id, model="fp", text=full_precision) if full_precision else None
    return Case(PROBLEM, Solution(problem_id=PROBLEM.id, model="w3", text=text, steps=steps), known)


def judge(engine, *cases, **options):
    return list(RolloutJudge(engine, reaches, sampling=Sampling(), **options).judge(cases))


@pytest.fixture
def right(scripted):
    """Full precision goes on rightly from every right prefix and fails from any other."""
    whole = ONE + TWO + THREE + END
    prefixes = ["", ONE, ONE + TWO, ONE + TWO + THREE]
    return scripted({prefix: whole[len(prefix) :] for prefix in prefixes})


@pytest.mark.parametrize(
    ("text", "step", "error_type", "subtype"),
    [
        (
            "Step 1: Mia has 4 * 7 = 28 apples.\nAnswer: 28",
            0,
            ErrorType.CONCEPTUAL,
            Subtype.CONTEXTUAL_OVERSIGHT,
        ),
        (
            "Step 1: Mia has 4 * 15 = 60 apples.\nAnswer: 60",
            0,
            ErrorType.CONCEPTUAL,
            Subtype.MISUNDERSTANDING,
        ),
        ("Step 1: Mia has 4 + 12 = 16 apples.\nAnswer: 16", 0, ErrorType.METHOD, Subtype.FORMULA),
        (
            ONE + "Step 2: Mia sells 1/4 of 48 = 14 apples.\nAnswer: 34",
            1,
            ErrorType.EXECUTION,
            Subtype.COMPUTATION,
        ),
        (
            ONE + TWO + "Step 3: Mia has 44 - 12 = 32 apples left.\nAnswer: 32",
            2,
            ErrorType.REASONING,
            Subtype.LOGIC,
        ),
        (
            ONE + TWO + "Step 3: Mia has 12 - 48 = -36 apples left.\nAnswer: -36",
            2,
            ErrorType.METHOD,
            Subtype.PROCEDURAL,
        ),
        (ONE + TWO + THREE + "Answer: 12", 3, ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING),
        (ONE + TWO + THREE + "Answer: 99", 3, ErrorType.REASONING, Subtype.LOGIC),
    ],
)
def test_the_first_step_that_full_precision_cannot_recover_from_is_found_and_typed(
    right, text, step, error_type, subtype
):
    [verdict] = judge(right, case(text))
    assert (verdict.status, verdict.first_fault) == (VerdictStatus.FAULTY, step)
    assert (verdict.error_type, verdict.subtype) == (error_type, subtype)
    assert verdict.corrected_step == (ONE + TWO + THREE + END).splitlines()[step]


def test_a_solution_cut_off_is_degenerate_at_its_last_step(right):
    cut = case(ONE + TWO + "Step 3: Mia has 48 -")
    cut = cut._replace(solution=cut.solution.model_copy(update={"finish": Finish.LENGTH}))
    [verdict] = judge(right, cut)
    assert (verdict.first_fault, verdict.subtype) == (2, Subtype.TRUNCATION)


def test_a_solution_that_reaches_the_answer_is_clean_without_asking(right):
    [verdict] = judge(right, case(ONE + TWO + THREE + END))
    assert verdict.status is VerdictStatus.CLEAN
    assert right.batches == []


def test_where_full_precision_fails_from_the_start_the_judge_is_unsure(scripted):
    [verdict] = judge(scripted({}), case("Step 1: nothing.\nAnswer: 3"))
    assert verdict.status is VerdictStatus.UNSURE
    assert "from the start" in (verdict.reason or "")


def test_all_open_cases_share_one_batch_per_round(right):
    wrong = [
        case(f"Step 1: Mia has 4 * {n} = {4 * n} apples.\nStep 2: so.\nAnswer: {4 * n}")
        for n in range(13, 23)
    ]
    judge(right, *wrong, samples=0)
    assert [len(batch) for batch in right.batches] == [10, 10]


def test_a_known_right_solution_saves_asking_from_the_start(right):
    judge(right, case("Step 1: x.\nAnswer: 3", full_precision=ONE + TWO + THREE + END), samples=0)
    assert [prefix for batch in right.batches for _, prefix in batch] == ["Step 1: x.\n"]


def test_steps_shared_with_a_right_solution_are_passed_without_asking(right):
    [verdict] = judge(right, case(ONE + TWO + "Step 3: 48 + 12 = 60 left.\nAnswer: 60"), samples=0)
    assert verdict.first_fault == 2
    assert all(prefix not in (ONE, ONE + TWO) for batch in right.batches for _, prefix in batch)


def test_a_step_that_only_the_greedy_try_fails_after_is_cleared_by_sampling(scripted):
    whole, odd = ONE + TWO + THREE + END, "Step 1: In all there are 48 apples.\n"
    rest = TWO + THREE + END
    engine = scripted(
        {"": whole, odd: ["Answer: -7", rest, rest, "Answer: -7"], odd + TWO: ["Answer: 1", "Answer: 2"]}
    )
    text = odd + TWO + "Step 3: 48 + 12 = 60.\nAnswer: 60"
    [greedy] = judge(engine, case(text), samples=0)
    [sampled] = judge(engine, case(text), samples=3)
    assert (greedy.first_fault, sampled.first_fault) == (0, 1)


def test_tries_that_sometimes_succeed_lower_the_confidence(scripted):
    wrong = "Step 1: Mia has 4 * 7 = 28 apples.\n"
    whole = ONE + TWO + THREE + END
    sure = scripted({"": whole})
    doubtful = scripted(
        {"": whole, wrong: ["Answer: 1", "Answer: 36", "Answer: 1", "Answer: 1", "Answer: 1"]}
    )
    [first] = judge(sure, case(wrong + "Answer: 28"))
    [second] = judge(doubtful, case(wrong + "Answer: 28"))
    assert first.first_fault == second.first_fault == 0
    assert second.confidence < first.confidence


def test_steps_that_do_not_stand_in_the_text_are_unscored_and_the_others_go_on(right):
    broken = case("Step 1: x.\nAnswer: 3")
    broken = broken._replace(
        solution=broken.solution.model_copy(update={"steps": ("elsewhere", "Answer: 3")})
    )
    verdicts = judge(right, broken, case("Step 1: Mia has 4 + 12 = 16 apples.\nAnswer: 16"))
    assert {verdict.status for verdict in verdicts} == {VerdictStatus.UNSCORED, VerdictStatus.FAULTY}


def test_what_the_tries_cost_stands_in_the_verdict(right):
    [verdict] = judge(right, case("Step 1: Mia has 4 + 12 = 16 apples.\nAnswer: 16"), samples=4)
    assert (verdict.usage.requests, verdict.usage.completion_tokens) == (6, 30)
