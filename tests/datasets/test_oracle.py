import pytest
from firstfault.datasets.oracle import oracle
from firstfault.datasets.program import Given, Node, Program
from firstfault.datasets.records import ErrorType, Finish, Problem, Solution, Subtype, VerdictStatus

PROGRAM = Program(
    template="home groups lose times",
    givens=(*(Given(text=text) for text in ("4", "12", "9", "3")), Given(text="71", used=False)),
    nodes=(
        Node(op="*", left="g0", right="g1", value=48, says="Mia had {} apples."),
        Node(op="-", left="n0", right="g2", value=39, says="Mia had {} apples left."),
        Node(op="*", left="n1", right="g3", value=117, says="Tom had {} apples."),
    ),
)
QUESTION = (
    "Mia had 4 boxes with 12 apples in each. Tom was 71 years old. Mia lost 9 apples."
    " Tom had 3 times as many."
)
PROBLEM = Problem(question=QUESTION, answer="117", program=PROGRAM.model_dump_json())
RIGHT = (
    "Step 1: Mia had 4 * 12 = 48 apples.",
    "Step 2: Mia had 48 - 9 = 39 apples left.",
    "Step 3: Tom had 39 * 3 = 117 apples.",
    "Answer: 117",
)


def solution(*steps: str, finish: Finish = Finish.STOP) -> Solution:
    return Solution(
        problem_id=PROBLEM.id, model="m", text="\n".join(steps), steps=steps, finish=finish, correct=False
    )


def judged(*steps: str, finish: Finish = Finish.STOP) -> tuple[int | None, ErrorType | None, Subtype | None]:
    verdict = oracle(PROBLEM, solution(*steps, finish=finish))
    return verdict.first_fault, verdict.error_type, verdict.subtype


def test_the_right_solution_is_clean():
    assert oracle(PROBLEM, solution(*RIGHT)).status is VerdictStatus.CLEAN


def test_operands_of_a_product_may_be_swapped_and_filler_words_may_differ():
    assert judged("Step 1: Mia then had 12 * 4 = 48 apples.", *RIGHT[1:])[0] is None


def test_a_step_may_quote_the_problem():
    quoting = "Step 2: Tom was 71 years old. Mia lost 9 apples. Mia had 48 - 9 = 39 apples left."
    assert judged(RIGHT[0], quoting, *RIGHT[2:])[0] is None


@pytest.mark.parametrize(
    ("place", "step", "kind", "subtype"),
    [
        (
            1,
            "Step 2: Mia found 9 apples. Mia had 48 - 9 = 39 apples left.",
            ErrorType.CONCEPTUAL,
            Subtype.MISUNDERSTANDING,
        ),
        (
            1,
            "Step 2: Mia lost 9 apples. Mia had 48 - 9 = 38 apples left.",
            ErrorType.EXECUTION,
            Subtype.COMPUTATION,
        ),
        (0, "Step 1: Mia had 4 * 12 = 46 apples.", ErrorType.EXECUTION, Subtype.COMPUTATION),
        (1, "Step 2: Mia had 48 + 9 = 57 apples left.", ErrorType.METHOD, Subtype.FORMULA),
        (1, "Step 2: Mia had 9 - 48 = -39 apples left.", ErrorType.METHOD, Subtype.PROCEDURAL),
        (0, "Step 1: Mia had 4 * 13 = 52 apples.", ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING),
        (0, "Step 1: Mia had 4 * 71 = 284 apples.", ErrorType.CONCEPTUAL, Subtype.CONTEXTUAL_OVERSIGHT),
        (1, "Step 2: Tom had 48 - 9 = 39 pears left.", ErrorType.CONCEPTUAL, Subtype.CONTEXTUAL_OVERSIGHT),
        (1, "Step 2: Mia had 47 - 9 = 38 apples left.", ErrorType.REASONING, Subtype.LOGIC),
        (2, "Step 3: Tom had 48 * 3 = 144 apples.", ErrorType.REASONING, Subtype.LOGIC),
        (3, "Answer: 116", ErrorType.REASONING, Subtype.LOGIC),
        (3, "Answer: 39", ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING),
        (1, "Step 2: Mia had 4 * 12 = 48 apples.", ErrorType.DEGENERATE, Subtype.REPETITION),
        (1, "Step 2: apples apples apples", ErrorType.DEGENERATE, Subtype.OFF_TOPIC),
    ],
)
def test_a_faulty_step_has_its_place_and_kind(place: int, step: str, kind: ErrorType, subtype: Subtype):
    assert judged(*RIGHT[:place], step, *RIGHT[place + 1 :]) == (place, kind, subtype)


def test_a_solution_that_is_cut_off_is_faulty_where_it_ends():
    found = judged(RIGHT[0], "Step 2: Mia had 48 -", finish=Finish.LENGTH)
    assert found == (1, ErrorType.DEGENERATE, Subtype.TRUNCATION)


def test_an_answer_before_the_asked_quantity_is_a_fault_of_the_answer():
    assert judged(*RIGHT[:2], "Answer: 39")[:2] == (2, ErrorType.CONCEPTUAL)


def test_only_the_first_fault_counts():
    assert judged("Step 1: Mia had 4 * 12 = 50 apples.", "Step 2: nonsense")[0] == 0


def test_a_solution_of_another_problem_is_refused():
    other = Solution(problem_id="p-other", model="m", text="Answer: 1", steps=("Answer: 1",))
    with pytest.raises(ValueError, match="not of problem"):
        oracle(PROBLEM, other)
