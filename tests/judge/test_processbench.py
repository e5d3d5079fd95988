import json

import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Problem, Solution, VerdictStatus
from firstfault.judge.item import truth
from firstfault.judge.processbench import read_cases, verdict_row
from firstfault.judge.symbolic import SymbolicJudge

GOOD = {
    "id": "gsm8k-7",
    "generator": "g",
    "problem": "How many?",
    "steps": ["2 + 2 = 5", "So 5."],
    "label": 0,
}
FIELDS = ["id", "status", "first_fault", "error_type", "confidence", "rationale"]


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def test_an_array_and_the_same_as_lines_give_the_same_items(tmp_path):
    items = [GOOD, {**GOOD, "id": 12, "label": -1}]
    array = read_cases(write(tmp_path / "a.json", json.dumps(items)))
    lines = read_cases(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, items))))
    assert array == lines
    assert [item.id for item in array] == ["gsm8k-7", "12"]
    assert [truth(item).first_fault for item in array] == [0, None]
    assert array[0].case.solution.steps == ("2 + 2 = 5", "So 5.")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("text", "not a JSON object"),
        ({**GOOD, "problem": 3}, "problem"),
        ({**GOOD, "problem": " "}, "problem"),
        ({**GOOD, "steps": []}, "steps"),
        ({**GOOD, "steps": "2 + 2 = 5"}, "steps"),
        ({**GOOD, "steps": ["2 + 2 = 5", None]}, "step 2 is not text"),
    ],
)
def test_a_bad_item_among_good_ones_is_kept_with_its_reason(tmp_path, item, reason):
    good, bad, after = read_cases(write(tmp_path / "a.json", json.dumps([GOOD, item, GOOD])))
    assert good.case is not None
    assert after.case is not None
    assert bad.case is None
    row = verdict_row(bad, None)
    assert (list(row), row["status"]) == (FIELDS, "unscored")
    assert reason in row["rationale"]


def test_a_label_off_the_steps_is_no_label(tmp_path):
    for label in (2, -2, "0", True, None):
        [item] = read_cases(write(tmp_path / "a.json", json.dumps([{**GOOD, "label": label}])))
        assert item.label is None
        assert truth(item) is None


def test_an_item_without_an_id_is_named_by_its_place(tmp_path):
    nameless = {key: value for key, value in GOOD.items() if key != "id"}
    assert [item.id for item in read_cases(write(tmp_path / "a.json", json.dumps([GOOD, nameless])))] == [
        "gsm8k-7",
        "1",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{"),
        ("a.json", "{}"),
        ("a.json", "[]"),
        ("a.jsonl", "{"),
        ("a.jsonl", "[1]"),
        ("a.jsonl", ""),
        ("a.txt", ""),
    ],
)
def test_a_malformed_or_empty_file_is_an_error_that_names_it(tmp_path, name, content):
    path = write(tmp_path / name, content)
    with pytest.raises(InputError, match=name):
        read_cases(path)


def test_a_missing_file_is_an_error(tmp_path):
    for name in ("no.json", "no.jsonl"):
        with pytest.raises(InputError, match="no such file"):
            read_cases(tmp_path / name)


def test_our_solutions_find_their_problems_and_keep_their_id(tmp_path):
    problem = Problem(question="How many?", answer="4")
    solution = Solution(problem_id=problem.id, model="m", text="2 + 2 = 5", steps=("2 + 2 = 5",))
    path = write(tmp_path / "s.jsonl", solution.model_dump_json())
    [item] = read_cases(path, [problem])
    assert (item.id, item.case.problem, item.case.solution) == (solution.id, problem, solution)
    with pytest.raises(InputError, match=f"{path.name}:1: problem_id"):
        read_cases(path)


def test_a_verdict_becomes_a_row_with_all_fields(tmp_path):
    [item] = read_cases(write(tmp_path / "a.json", json.dumps([GOOD])))
    [verdict] = SymbolicJudge().judge([item.case])
    row = verdict_row(item, verdict)
    assert list(row) == FIELDS
    assert (row["id"], row["status"], row["first_fault"], row["error_type"]) == (
        "gsm8k-7",
        "faulty",
        0,
        "execution",
    )
    unsure = verdict.model_copy(
        update={
            "status": VerdictStatus.UNSURE,
            "first_fault": None,
            "error_type": None,
            "rationale": "",
            "reason": "why",
        }
    )
    assert (verdict_row(item, unsure)["status"], verdict_row(item, unsure)["rationale"]) == ("unsure", "why")
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_half_of_a_surrogate_pair_is_no_end_of_the_file(tmp_path, ending: str):
    path = tmp_path / f"items.{ending}"
    row = r'{"id": "a", "problem": "\ud800?", "steps": ["2 + 2 = 5 \uDFFF"]}'
    path.write_text(f"[{row}]" if ending == "json" else f"{row}\n")
    (item,) = read_cases(path)
    assert item.case is not None
    assert item.case.problem.question == "??"
    assert item.case.solution.steps == ("2 + 2 = 5 ?",)
