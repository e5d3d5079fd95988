"""Problem sets load from the formats people have, with stable ids and clear refusals."""

import json

import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.problem_sets import load_problems
from firstfault.datasets.records import Problem, Split
from firstfault.datasets.store import write_records

# The first row of GSM8K's test split, shortened (MIT, openai/grade-school-math).
GSM8K = {"question": "How many eggs?", "answer": "16 - 3 - 4 = <<16-3-4=9>>9\n9 * 2 = $<<9*2=18>>18\n#### 18"}
# A row of MATH-500, shortened (MIT, openai/prm800k).
MATH = {
    "problem": "Define $p$ and $q$.",
    "solution": "We get $\\boxed{p - q}.$",
    "answer": "p - q",
    "subject": "Intermediate Algebra",
    "level": 5,
    "unique_id": "test/intermediate_algebra/1994.json",
}


def load(tmp_path, *rows, **options) -> list[Problem]:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_problems(path, **options)


def test_gsm8k_rows_give_the_number_after_the_marks(tmp_path):
    (problem,) = load(tmp_path, GSM8K)
    assert (problem.question, problem.answer, problem.source) == ("How many eggs?", "18", "gsm8k")
    assert problem.id == Problem(question="How many eggs?", answer="18").id


def test_math_rows_keep_their_id_subject_and_level(tmp_path):
    (problem,) = load(tmp_path, MATH)
    assert (problem.answer, problem.level, problem.subject) == ("p - q", 5, "Intermediate Algebra")
    assert (problem.id, problem.source) == ("test/intermediate_algebra/1994.json", "math")


def test_original_math_rows_take_the_answer_from_the_box(tmp_path):
    row = {
        "problem": "Halve it.",
        "solution": "So $\\boxed{\\frac{1}{2}}$.",
        "level": "Level 3",
        "type": "Algebra",
    }
    (problem,) = load(tmp_path, row)
    assert (problem.answer, problem.level, problem.subject) == ("\\frac{1}{2}", 3, "Algebra")


def test_a_plain_table_is_read_by_its_column_names(tmp_path):
    problems = load(tmp_path, {"prompt": "1 + 1?", "target": 2}, {"problem": "2 + 2?", "ground_truth": "4"})
    assert [(p.question, p.answer, p.source) for p in problems] == [
        ("1 + 1?", "2", "user"),
        ("2 + 2?", "4", "user"),
    ]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_our_own_records_come_back_as_they_were(tmp_path, ending):
    problems = [
        Problem(
            question="q",
            answer="1",
            source="abacus",
            split=Split.MINING,
            level=2,
            program="{}",
            licence="MIT",
        ),
        Problem(question="r", answer="x", id="mine", split=Split.TRAIN),
    ]
    write_records(tmp_path / f"own.{ending}", problems)
    assert load_problems(tmp_path / f"own.{ending}") == problems


def test_source_and_split_are_set_where_the_rows_do_not_say(tmp_path):
    named = {"question": "r", "answer": "2", "source": "mine", "split": "held_out"}
    first, second = load(tmp_path, {"question": "q", "answer": "1"}, named, source="set", split=Split.MINING)
    assert (first.source, first.split) == ("set", Split.MINING)
    assert (second.source, second.split) == ("mine", Split.HELD_OUT)


def test_a_hub_split_name_is_not_one_of_ours(tmp_path):
    (problem,) = load(tmp_path, {"question": "q", "answer": "1", "split": "validation"})
    assert problem.split is Split.HELD_OUT


def test_a_repeated_row_is_dropped_but_an_id_used_twice_is_refused(tmp_path):
    assert len(load(tmp_path, GSM8K, GSM8K)) == 1
    rows = [{"id": "a", "question": "q", "answer": "1"}, {"id": "a", "question": "q", "answer": "2"}]
    with pytest.raises(InputError, match=r"problems\.jsonl:2: id: a"):
        load(tmp_path, *rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"problems\.jsonl: no problems"),
        ([{"answer": "1"}], r"problems\.jsonl:1: no question"),
        ([GSM8K, {"question": "q"}], r"problems\.jsonl:2: no reference answer"),
        ([{"problem": "q", "solution": "no box"}], r":1: no reference answer"),
        ([{"question": ["q"], "answer": "1"}], r":1: question: not a text"),
    ],
)
def test_what_is_missing_is_named_with_file_and_line(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        load(tmp_path, *rows)
