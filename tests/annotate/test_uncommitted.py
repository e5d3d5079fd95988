"""Uncommitted answers are found where they are, and not where they are not."""

import json
from pathlib import Path

import pytest
from firstfault.annotate.grading import Grader
from firstfault.annotate.uncommitted import How, count_uncommitted, find_uncommitted
from firstfault.datasets.records import Finish, Problem, Solution
from hypothesis import given
from hypothesis import strategies as st

LONG = Path(__file__).parents[2] / "../shared/data/gptq-w3-vs-w4/math500_w3_wrong_w4_right.jsonl"


def case(text, reference, *, question="How many?", correct=False, finish=Finish.STOP):
    problem = Problem(question=question, answer=reference)
    return problem, Solution(
        problem_id=problem.id, model="m", text=text, correct=correct, finish=finish, answer="no matter"
    )


def search(*cases):
    with Grader() as grader:
        return find_uncommitted(cases, grader)


@pytest.mark.parametrize(
    ("text", "reference", "how"),
    [
        ("<think>So the answer is 42. Wait, no.</think> \\boxed{41}", "42", How.STATED),
        ("Answer: 42\nBut let me check.\nAnswer: 41", "42", How.STATED),
        ("\\boxed{\\frac{1}{2}} or rather \\boxed{2}", "\\frac{1}{2}", How.STATED),
        ("First 40 + 2 = 42 apples, and then 42 - 1 = 41.", "42", How.COMPUTED),
        ("So x = 1,200 and then 7.", "1200", How.COMPUTED),
        ("We get \\(y = 3\\sqrt{2}\\). Hence 5.", "3\\sqrt{2}", How.COMPUTED),
        ("There are 42 of them, times 2 = 84.", "42", None),
        ("So n = 420, or n = 4.2.", "42", None),
        ("= = = so =\n=", "42", None),
        ("", "42", None),
    ],
)
def test_what_is_reached_on_the_way_is_found(text, reference, how):
    [found] = search(case(text, reference))
    assert (found.reached and found.reached.how) == how
    assert found.telling


def test_the_place_is_the_first_in_the_text():
    text = "x" * 50 + " = 42 " + "x" * 50 + " = 42"
    [found] = search(case(text, "42"))
    assert found.reached is not None
    assert found.reached.at == pytest.approx(51 / len(text))


def test_right_and_ungraded_solutions_are_passed_over():
    assert search(case("= 42", "42", correct=True), case("= 42", "42", correct=None)) == []


def test_a_reference_that_the_question_holds_tells_nothing():
    found = search(case("so = 42", "42", question="Of 42 apples, how many?"), case("so = 42", "42"))
    counted = count_uncommitted(found)
    assert (counted.wrong, counted.left_out, counted.computed, counted.stated) == (1, 1, 1, 0)


def test_chance_is_what_references_of_other_problems_reach():
    # Every text holds all numbers from 1 to 9, so that any other problem's reference is met as well.
    chatter = " ".join(f"a = {n}." for n in range(1, 10))
    counted = count_uncommitted(search(*(case(chatter, str(n), question=f"q{n}") for n in range(1, 10))))
    assert counted.share is not None
    assert (counted.share.value, counted.chance) == (1, 1)
    apart = [case(f"= {n}. Answer: 0", str(n), question=f"q{n}") for n in range(11, 20)]
    counted = count_uncommitted(search(*apart))
    assert counted.share is not None
    assert (counted.share.value, counted.chance) == (1, 0)


def test_they_are_counted_by_why_they_ended():
    counted = count_uncommitted(
        search(
            case("= 42", "42", finish=Finish.LENGTH),
            case("= 42", "42"),
            case("= 7", "42", finish=Finish.LENGTH),
        )
    )
    assert counted.by_finish == {Finish.LENGTH: 1, Finish.STOP: 1}
    assert count_uncommitted([]).share is None


@given(st.text(alphabet="=≈ 4.2,/\\$boxed{}answeri:\n", max_size=200))
def test_any_text_is_searched(text):
    [found] = search(case(text, "42"))
    assert found.reached is None or 0 <= found.reached.at < 1


def test_a_megabyte_of_equations_is_searched_soon():
    [found] = search(case("1 = 2 = 3 " * 100_000 + "the answer is" * 1000, "42"))
    assert found.reached is None


@pytest.mark.skipif(not LONG.is_file(), reason=f"{LONG} is not there")
def test_long_reasoning_texts_of_a_real_model_are_searched():
    rows = [json.loads(line) for line in LONG.read_text().splitlines()[:25]]
    found = search(*(case(row["gptq_w3_text"], row["gold"], question=row["problem"]) for row in rows))
    counted = count_uncommitted(found)
    assert counted.wrong + counted.left_out == 25
    assert counted.share is not None
    assert counted.chance is not None
    # People who read these find that many reached the answer; other problems' answers come up less.
    assert counted.share.value > counted.chance
