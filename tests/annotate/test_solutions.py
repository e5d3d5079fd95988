"""Raw text becomes graded solutions; a user's own files are read or refused by file and line."""

import json

import pytest
from firstfault.annotate.grading import Grader
from firstfault.annotate.repetition import ends_in_a_loop
from firstfault.annotate.solutions import read_generations, read_solution
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Finish, Problem, Solution
from firstfault.datasets.store import write_records

EGGS = Problem(question="How many\neggs?", answer="18")
ROBE = Problem(id="robe", question="How many bolts?", answer="3")


@pytest.fixture
def read(tmp_path):
    def read(*rows) -> list[Solution]:
        path = tmp_path / "mine.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with Grader() as grader:
            return read_generations(path, [EGGS, ROBE], "awq", grader)

    return read


def test_a_text_is_split_and_graded():
    with Grader() as grader:
        text = "<think>hm</think>\nStep 1: 9 * 2 = 18\nAnswer: $18"
        solution = read_solution(EGGS, "fp", text, Finish.STOP, 12, grader)
    assert solution.steps == ("Step 1: 9 * 2 = 18", "Answer: $18")
    assert (solution.thinking, solution.answer, solution.correct) == ("hm", "$18", True)
    assert (solution.well_formed, solution.tokens, solution.problem_id) == (True, 12, EGGS.id)


@pytest.mark.parametrize(
    ("finish", "answer"), [(Finish.STOP, "18"), (Finish.LENGTH, None), (Finish.DEGENERATE, None)]
)
def test_the_last_number_counts_only_where_the_model_stopped_by_itself(finish, answer):
    with Grader() as grader:
        solution = read_solution(EGGS, "fp", "9 * 2 is 18", finish, None, grader)
    assert (solution.answer, solution.correct) == (answer, answer is not None)


@pytest.mark.parametrize(
    "row",
    [
        {"problem_id": EGGS.id, "text": "Answer: 18"},
        {"id": EGGS.id, "solution": "Answer: 18"},
        {"question": "How  many eggs?", "response": "Answer: 18"},
        {"problem": "How many\neggs?", "completion": "Answer: 18"},
        {"id": "my-own-17", "question": "How many eggs?", "output": "Answer: 18"},
    ],
)
def test_problems_are_found_by_id_or_question(read, row):
    (solution,) = read(row)
    assert (solution.problem_id, solution.model, solution.correct) == (EGGS.id, "awq", True)


def test_our_own_solution_records_are_read_and_graded_anew(tmp_path):
    path = tmp_path / "own.parquet"
    given = Solution(problem_id="robe", model="old", text="Answer: 3", finish=Finish.LENGTH, tokens=9)
    write_records(path, [given])
    with Grader() as grader:
        (solution,) = read_generations(path, [ROBE], "new", grader)
    assert (solution.finish, solution.tokens, solution.correct, solution.model) == (
        Finish.LENGTH,
        9,
        True,
        "new",
    )


def test_a_given_finish_counts_and_else_a_loop_is_seen(read):
    loop = "Thus, the fraction must be extended beyond the last 1. " * 60
    (given, seen) = read(
        {"id": "robe", "text": loop, "finish_reason": "length"}, {"id": EGGS.id, "text": loop}
    )
    assert (given.finish, seen.finish) == (Finish.LENGTH, Finish.DEGENERATE)


def test_a_loop_is_told_from_ordinary_and_short_text():
    assert ends_in_a_loop("So it is. " * 200)
    assert ends_in_a_loop("A proper beginning. " + "0,0" * 10 + " 0 1" * 300)
    assert not ends_in_a_loop("So it is. " * 10)
    assert not ends_in_a_loop(" ".join(f"Then {n} plus {n + 1} gives {2 * n + 1}." for n in range(100)))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"problem_id": "nobody", "text": "a"}, "unknown problem: problem_id 'nobody'"),
        ({"problem_id": "nobody", "question": "How many eggs?", "text": "a"}, "unknown problem"),
        ({"question": "x" * 500, "text": "a"}, "unknown problem: question 'x+\\.\\.\\.'"),
        ({"text": "a"}, "names no problem"),
        ({"id": "robe"}, "no text"),
        ({"id": "robe", "text": 5}, "not a text"),
        ({"id": "robe", "text": "a", "finish": "tired"}, "finish: 'tired'"),
        ({"id": "robe", "text": "a", "tokens": -1}, "tokens: -1"),
        ({"id": EGGS.id, "text": "a"}, r"already has a solution at .*mine\.jsonl:1"),
    ],
)
def test_a_row_that_cant_be_used_is_named_by_file_and_line(read, row, message):
    with pytest.raises(InputError, match=rf"mine\.jsonl:2: .*{message}") as raised:
        read({"id": EGGS.id, "text": "Answer: 18"}, row)
    assert raised.value.hint


def test_a_file_without_solutions_is_refused(read):
    with pytest.raises(InputError, match="no solutions"):
        read()
