"""Records survive both file formats, and files that can't be used say where and why."""

import json
from pathlib import Path

import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import (
    Continuation,
    ErrorType,
    Finish,
    Pair,
    Problem,
    Record,
    Review,
    Solution,
    Split,
    Subtype,
    Usage,
    Verdict,
    VerdictStatus,
)
from firstfault.datasets.store import read_records, read_rows, replacing, write_records, write_text
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PROBLEMS = st.builds(
    Problem,
    id=TEXT,
    question=TEXT.filter(bool),
    answer=TEXT,
    source=TEXT,
    split=st.sampled_from(Split),
    level=st.none() | st.integers(0, 9),
    subject=st.none() | TEXT,
    licence=st.none() | TEXT,
    program=st.none() | TEXT,
)
SOLUTIONS = st.builds(
    Solution,
    problem_id=TEXT,
    model=TEXT,
    text=TEXT,
    thinking=st.none() | TEXT,
    steps=st.lists(TEXT, max_size=4).map(tuple),
    answer=st.none() | TEXT,
    correct=st.none() | st.booleans(),
    finish=st.sampled_from(Finish),
    tokens=st.none() | st.integers(0, 2**40),
    well_formed=st.none() | st.booleans(),
)
VOTES = st.builds(
    Verdict,
    solution_id=TEXT,
    judge=TEXT,
    status=st.just(VerdictStatus.FAULTY),
    first_fault=st.integers(0, 30),
    error_type=st.just(ErrorType.EXECUTION),
    subtype=st.none() | st.just(Subtype.COMPUTATION),
    rationale=TEXT,
    confidence=st.none() | st.floats(0, 1),
    usage=st.builds(Usage, requests=st.integers(0, 9), prompt_tokens=st.integers(0, 10**6)),
)
VERDICTS = st.builds(
    Verdict,
    solution_id=TEXT,
    judge=TEXT,
    status=st.sampled_from([VerdictStatus.CLEAN, VerdictStatus.UNSURE, VerdictStatus.UNSCORED]),
    reason=st.none() | TEXT,
    votes=st.lists(VOTES, max_size=3).map(tuple),
    needs_review=st.booleans(),
)
REVIEWS = st.builds(
    Review,
    solution_id=TEXT,
    reviewer=TEXT,
    status=st.sampled_from([VerdictStatus.CLEAN, VerdictStatus.UNSURE]),
    created_at=st.none() | TEXT,
    suggestion=st.none() | VOTES,
)
PAIRS = st.builds(
    Pair,
    prompt=TEXT,
    chosen=TEXT,
    rejected=TEXT,
    problem_id=TEXT,
    solution_id=TEXT,
    model=TEXT,
    step=st.integers(0, 9),
    steps=st.integers(1, 9),
    error_type=st.none() | st.sampled_from(ErrorType),
    chosen_from=st.sampled_from(Continuation),
)
KINDS = st.sampled_from([PROBLEMS, SOLUTIONS, VOTES, VERDICTS, REVIEWS, PAIRS])


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@settings(max_examples=40)
@given(records=KINDS.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=4)))
def test_every_kind_of_record_comes_back_as_it_was(tmp_path_factory, ending, records: list[Record]):
    path = tmp_path_factory.mktemp("store") / f"records.{ending}"
    write_records(path, records)
    assert read_records(path, type(records[0])) == records


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_no_records_come_back_as_none(tmp_path, ending):
    path = tmp_path / f"none.{ending}"
    write_records(path, [])
    assert read_records(path, Solution) == []


def test_writing_the_same_records_twice_gives_the_same_bytes(tmp_path):
    records = [Solution(problem_id="p", model="m", text=f"Answer: {n}") for n in range(3)]
    for ending in ("jsonl", "parquet"):
        files = [tmp_path / f"{name}.{ending}" for name in "ab"]
        for path in files:
            write_records(path, records)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_column_without_values_keeps_its_type_in_parquet(tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "solutions.parquet"
    write_records(path, [Solution(problem_id="p", model="m", text="")])
    schema = pq.read_schema(path)
    assert [str(schema.field(name).type) for name in ("answer", "tokens", "correct")] == [
        "string",
        "int64",
        "bool",
    ]
    assert str(schema.field("steps").type).startswith("list<")


def test_a_record_of_an_older_version_loads_when_its_missing_fields_have_defaults(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"question": ["1+1?"], "answer": ["2"]}), tmp_path / "old.parquet")
    write_text(tmp_path / "old.jsonl", '{"question": "1+1?", "answer": "2"}\n')
    new = Problem(question="1+1?", answer="2")
    assert read_records(tmp_path / "old.parquet", Problem) == [new]
    assert read_records(tmp_path / "old.jsonl", Problem) == [new]


def test_a_record_of_an_older_version_names_the_field_it_misses(tmp_path):
    path = tmp_path / "old.jsonl"
    write_text(path, '{"question": "1+1?", "answer": "2"}\n\n{"question": "2+2?"}\n')
    with pytest.raises(InputError, match=r"old\.jsonl:3: missing field 'answer'"):
        read_records(path, Problem)


def test_an_unknown_field_is_named(tmp_path):
    path = tmp_path / "new.jsonl"
    write_text(path, '{"question": "q", "answer": "2", "colour": "red"}\n')
    with pytest.raises(InputError, match=r"new\.jsonl:1: unknown field 'colour'"):
        read_records(path, Problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"a": "\udc80"}', "not JSON"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_line(tmp_path, line, problem):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"question": "q", "answer": "2"}\n' + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(InputError, match=rf"bad\.jsonl:2: {problem}"):
        read_records(path, Problem)


def test_half_a_character_in_a_text_becomes_a_question_mark(tmp_path):
    path = tmp_path / "half.jsonl"
    write_text(path, json.dumps({"question": "\ud800", "answer": "2"}))
    (problem,) = read_records(path, Problem)
    assert problem.question == "?"


@pytest.mark.parametrize("name", ["missing.jsonl", "folder.jsonl", "problems.csv", "broken.parquet"])
def test_a_file_that_cant_be_used_is_an_input_error(tmp_path, name):
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "problems.csv").write_text("question,answer\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match=name) as raised:
        list(read_rows(tmp_path / name))
    assert raised.value.hint


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "records.jsonl"
    write_text(path, "old")

    def fail(path: Path) -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
