import pytest
from firstfault.datasets.records import Problem, Solution, Verdict, VerdictStatus
from firstfault.datasets.store import read_records, write_records
from firstfault.judge.case import Case
from firstfault.judge.stepwise import StepwiseRow, to_stepwise

PROBLEM = Problem(question="How many?", answer="4")
STEPS = ("one", "two", "three")


def case(steps=STEPS):
    return Case(PROBLEM, Solution(problem_id=PROBLEM.id, model="m", text=" ".join(steps), steps=steps))


def verdict(step=None, status=None):
    status = status or (VerdictStatus.CLEAN if step is None else VerdictStatus.FAULTY)
    return Verdict(solution_id="s", judge="j", status=status, first_fault=step)


def row(fault):
    return to_stepwise([(case(), verdict(fault))]).rows


def test_a_row_ends_with_its_first_fault():
    assert row(1) == [StepwiseRow(prompt="How many?", completions=("one", "two"), labels=(True, False))]
    assert row(0) == [StepwiseRow(prompt="How many?", completions=("one",), labels=(False,))]


def test_a_clean_solution_is_right_throughout():
    assert row(None) == [StepwiseRow(prompt="How many?", completions=STEPS, labels=(True, True, True))]


def test_what_labels_nothing_is_counted():
    made = to_stepwise(
        [
            (case(), verdict(status=VerdictStatus.UNSURE)),
            (case(), verdict(status=VerdictStatus.UNSCORED)),
            (case(), None),
            (case(), verdict(7)),
            (case(()), verdict()),
        ]
    )
    assert made.rows == []
    assert made.skipped == {"unsure": 1, "unscored": 1, "no verdict": 1, "no such step": 2}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_files_have_trls_columns_and_come_back(tmp_path, name):
    made = to_stepwise([(case(), verdict(1)), (case(), verdict())])
    write_records(tmp_path / name, made.rows)
    assert read_records(tmp_path / name, StepwiseRow) == made.rows
    assert list(StepwiseRow.model_fields) == ["prompt", "completions", "labels"]


def test_parquet_holds_texts_and_truth_values(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_records(tmp_path / "rows.parquet", row(1))
    schema = pq.read_schema(tmp_path / "rows.parquet")
    assert [field.type for field in schema] == [pa.string(), pa.list_(pa.string()), pa.list_(pa.bool_())]
