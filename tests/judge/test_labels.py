import json

import pytest
from firstfault.datasets.abacus import generate
from firstfault.datasets.errors import InputError
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Review, Split, VerdictStatus
from firstfault.datasets.store import write_records
from firstfault.judge.labels import label_reviews, read_labelled


def review(reviewer, fault, kind=ErrorType.METHOD, *, at="2026-01-01T00:00:00Z", solution="s"):
    status = VerdictStatus.CLEAN if fault is None else VerdictStatus.FAULTY
    return Review(
        solution_id=solution,
        reviewer=reviewer,
        status=status,
        first_fault=fault,
        error_type=None if fault is None else kind,
        created_at=at,
    )


def test_people_who_agree_make_a_label_and_who_differ_make_none():
    assert label_reviews([review("a", 1), review("b", 1)])["s"].error_type is ErrorType.METHOD
    assert label_reviews([review("a", 1), review("b", 1, ErrorType.REASONING)])["s"].error_type is None
    assert label_reviews([review("a", 1), review("b", 2)]) == {}
    assert label_reviews([review("a", 1), review("b", None)]) == {}


def test_the_last_review_of_a_person_counts():
    later = review("a", 3, at="2026-02-01T00:00:00Z")
    assert label_reviews([later, review("a", 1)])["s"].first_fault == 3


def test_the_oracle_labels_abacus_solutions_and_people_outrank_it(tmp_path):
    tried = [(one, inject(one, 0, ErrorType.EXECUTION)) for one in generate(Split.MINING, 20, seed=1)]
    problem, planted = next((one, found) for one, found in tried if found is not None)
    write_records(tmp_path / "s.jsonl", [right_solution(problem), planted.solution])
    right, wrong = read_labelled(tmp_path / "s.jsonl", [problem])
    assert (right.truth.status, wrong.truth.first_fault) == (VerdictStatus.CLEAN, 0)
    assert wrong.truth.error_type is ErrorType.EXECUTION
    write_records(tmp_path / "r.jsonl", [review("a", 1, solution=planted.solution.id)])
    _, reviewed = read_labelled(tmp_path / "s.jsonl", [problem], reviews=tmp_path / "r.jsonl")
    assert (reviewed.truth.judge, reviewed.truth.first_fault) == ("people", 1)


def test_a_type_in_the_file_is_read_and_one_off_the_menu_is_none(tmp_path):
    rows = [
        {"problem": "q", "steps": ["a", "b"], "label": 1, "error_type": kind} for kind in ("method", "odd", 3)
    ]
    (tmp_path / "l.json").write_text(json.dumps(rows))
    types = [item.truth.error_type for item in read_labelled(tmp_path / "l.json")]
    assert types == [ErrorType.METHOD, None, None]


def test_a_file_without_labels_is_an_error(tmp_path):
    (tmp_path / "l.json").write_text(json.dumps([{"problem": "q", "steps": ["a"], "label": None}]))
    with pytest.raises(InputError, match="no item has one"):
        read_labelled(tmp_path / "l.json")
