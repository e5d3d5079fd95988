"""Records are frozen, strict and carry ids that depend on their content alone."""

import pytest
from firstfault.datasets.records import (
    SUBTYPES,
    ErrorType,
    Pair,
    Problem,
    Solution,
    Subtype,
    Verdict,
    VerdictStatus,
    content_id,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(parts=st.lists(TEXT, max_size=4))
def test_an_id_depends_on_the_content_and_its_boundaries(parts):
    assert content_id("p", *parts) == content_id("p", *parts)
    assert content_id("p", *parts) != content_id("p", *parts, "")
    if len(parts) > 1:
        assert content_id("p", *parts) != content_id("p", "".join(parts[:2]), *parts[2:])


def test_ids_never_change_between_versions():
    # A changed id would orphan every run folder and published dataset.
    problem = Problem(question="What is 1 + 1?", answer="2")
    solution = Solution(problem_id=problem.id, model="full_precision", text="Answer: 2")
    pair = Pair(
        prompt="a", chosen="b", rejected="c", problem_id="p", solution_id="s", model="m", step=0, steps=1
    )
    assert (problem.id, solution.id, pair.id) == (
        "p-8ac25a17e4401827",
        "s-a24a31c28486a303",
        "x-fa1844c2988ad15a",
    )


def test_a_given_id_is_kept_and_other_fields_do_not_change_a_derived_one():
    assert Problem(id="mine", question="q", answer="1").id == "mine"
    assert Problem(question="q", answer="1").id == Problem(question="q", answer="1", level=3, source="x").id


def test_records_are_frozen_and_refuse_unknown_fields():
    problem = Problem(question="q", answer="1")
    with pytest.raises(ValidationError):
        problem.answer = "2"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError, match="colour"):
        Problem.model_validate({"question": "q", "answer": "1", "colour": "red"})


def test_every_subtype_belongs_to_exactly_one_error_type():
    members = [subtype for subtypes in SUBTYPES.values() for subtype in subtypes]
    assert sorted(members) == sorted(Subtype)
    assert set(SUBTYPES) == set(ErrorType)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": VerdictStatus.FAULTY},
        {"status": VerdictStatus.CLEAN, "first_fault": 1},
        {"status": VerdictStatus.UNSURE, "error_type": ErrorType.METHOD},
        {"status": VerdictStatus.FAULTY, "first_fault": 0, "subtype": Subtype.LOGIC},
        {
            "status": VerdictStatus.FAULTY,
            "first_fault": 0,
            "error_type": ErrorType.METHOD,
            "subtype": Subtype.LOGIC,
        },
        {"status": VerdictStatus.FAULTY, "first_fault": -1},
        {"status": VerdictStatus.CLEAN, "confidence": 1.5},
    ],
)
def test_a_verdict_that_contradicts_itself_is_refused(fields):
    with pytest.raises(ValidationError):
        Verdict(solution_id="s", judge="j", **fields)


def test_a_pair_ends_its_prompt_with_its_prefix():
    fields = {"chosen": "b", "rejected": "c", "problem_id": "p", "solution_id": "s", "model": "m"}
    given = Pair(prompt="asked Step 1", prefix="Step 1", step=1, steps=2, **fields)
    assert given.id == Pair(prompt="asked Step 1", step=1, steps=2, **fields).id
    with pytest.raises(ValidationError, match="prompt does not end with prefix"):
        Pair(prompt="asked Step 1", prefix="Step 2", step=1, steps=2, **fields)
