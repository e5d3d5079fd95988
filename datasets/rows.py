"""Rows whose columns tell what they hold: our own records, GSM8K's, MATH's, and questions with answers."""

from collections.abc import Sequence
from typing import Any

from . import gold
from .columns import read_level
from .errors import InputError
from .records import Problem, Split
from .store import parse_record

_QUESTION_COLUMNS = ("question", "problem", "prompt", "instruction")
_ANSWER_COLUMNS = ("answer", "final_answer", "reference", "gold", "ground_truth", "target")
_ID_COLUMNS = ("id", "problem_id", "unique_id")
_SUBJECT_COLUMNS = ("subject", "type", "category")


def read_problem(row: dict[str, Any], where: str, source: str | None, split: Split | None) -> Problem:
    """Make a problem of a row whose columns are named as `load_problems` knows them.

    Raises:
        InputError: Naming `where`: no question, no answer.
    """
    question = _text(row, _QUESTION_COLUMNS, where)
    if question is None:
        raise InputError(f"{where}: no question", hint=f"Give it as one of: {', '.join(_QUESTION_COLUMNS)}.")
    answer = _text(row, _ANSWER_COLUMNS, where)
    shape = "user"
    if answer is not None and (final := gold.marked(answer)):
        answer, shape = final, "gsm8k"
    elif "solution" in row and "problem" in row:
        shape = "math"
        answer = answer or gold.boxed(str(row["solution"]))
    if not answer:
        raise InputError(
            f"{where}: no reference answer", hint=f"Give it as one of: {', '.join(_ANSWER_COLUMNS)}."
        )
    fields: dict[str, Any] = {
        "id": _text(row, _ID_COLUMNS, where) or "",
        "question": question,
        "answer": answer,
        "source": row.get("source") or source or shape,
        "split": row.get("split") if row.get("split") in set(Split) else split,
        "level": read_level(row.get("level")),
        "subject": _text(row, _SUBJECT_COLUMNS, where),
        "licence": row.get("licence") or row.get("license"),
        "program": row.get("program"),
    }
    return parse_record({name: value for name, value in fields.items() if value is not None}, Problem, where)


def _text(row: dict[str, Any], columns: Sequence[str], where: str) -> str | None:
    for column in columns:
        value = row.get(column)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(f"{where}: {column}: not a text or a number", hint="Give one value per row.")
        return str(value)
    return None
