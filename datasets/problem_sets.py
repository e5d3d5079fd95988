"""Problem sets from files: our own, GSM8K's, MATH's and plain tables of questions and answers."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .errors import InputError
from .records import Problem, Split
from .store import parse_record, read_rows

_QUESTION_COLUMNS = ("question", "problem", "prompt", "instruction")
_ANSWER_COLUMNS = ("answer", "final_answer", "reference", "gold", "ground_truth", "target")
_ID_COLUMNS = ("id", "problem_id", "unique_id")
_SUBJECT_COLUMNS = ("subject", "type", "category")
_GSM8K_ANSWER = re.compile(r"^####[ \t]*(\S[^\n]*?)[ \t]*$", re.MULTILINE)
_LEVEL = re.compile(r"(?:level\s*)?(\d+)", re.IGNORECASE)


def load_problems(path: Path, *, source: str | None = None, split: Split | None = None) -> list[Problem]:
    """Read a problem set from `.jsonl` or `.parquet`.

    Recognized row by row: our own records; GSM8K's (`question`, and `answer` that ends in
    `#### n`); MATH's (`problem`, `solution`, `answer`, `subject`, `level`, `unique_id`); and any
    table with a question (`question`, `problem`, `prompt`, `instruction`) and an answer (`answer`,
    `final_answer`, `reference`, `gold`, `ground_truth`, `target`; else the last box of `solution`).

    Ids given as `id`, `problem_id` or `unique_id` are kept, so that generations can name them;
    else they derive from question and answer. A row that repeats an earlier one is dropped.

    Args:
        path: The file.
        source: Name of the set, where the rows don't name it.
        split: What the problems may be used for, where the rows don't say.

    Raises:
        InputError: Naming file and line: no question, no answer, an id with two different problems.
            Naming the file: no problem at all.
    """
    problems: dict[str, Problem] = {}
    for where, row in read_rows(path):
        problem = _read_problem(row, where, source, split)
        if problems.setdefault(problem.id, problem) != problem:
            raise InputError(
                f"{where}: id: {problem.id} is also the id of an earlier, different problem",
                hint="Give every problem an id of its own, or none.",
            )
    if not problems:
        raise InputError(
            f"{path}: no problems", hint="Each line holds one problem: a question and its answer."
        )
    return list(problems.values())


def load_benchmarks(paths: Iterable[Path]) -> dict[str, list[Problem]]:
    """Read test sets that training must stay clear of, by name.

    Args:
        paths: Files of problems, or folders of which every .jsonl and .parquet file is one.

    Returns:
        Problems by `folder/file`, the ending left out.

    Raises:
        InputError: If a path is missing, holds no problems, or can't be read.
    """
    found: dict[str, list[Problem]] = {}
    for path in paths:
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in (".jsonl", ".parquet"))
            if not files:
                raise InputError(f"{path}: no problems", hint="Put .jsonl or .parquet files of them there.")
        for file in files:
            found[f"{file.parent.name}/{file.stem}"] = load_problems(file)
    return found


def _read_problem(row: dict[str, Any], where: str, source: str | None, split: Split | None) -> Problem:
    question = _text(row, _QUESTION_COLUMNS, where)
    if question is None:
        raise InputError(f"{where}: no question", hint=f"Give it as one of: {', '.join(_QUESTION_COLUMNS)}.")
    answer = _text(row, _ANSWER_COLUMNS, where)
    shape = "user"
    if answer is not None and (final := _GSM8K_ANSWER.findall(answer)):
        answer, shape = final[-1], "gsm8k"
    elif "solution" in row and "problem" in row:
        shape = "math"
        answer = answer or _last_box(str(row["solution"]))
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
        "level": _level(row.get("level")),
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


def _level(value: Any) -> int | None:
    # MATH writes both 3 and "Level 3"; "Level ?" and names such as "hard" are no level.
    match = _LEVEL.fullmatch(str(value).strip())
    return int(match[1]) if match else None


def _last_box(solution: str) -> str | None:
    start = solution.rfind("\\boxed{")
    depth = 0
    for place in range(start + len("\\boxed"), len(solution)) if start >= 0 else ():
        depth += (solution[place] == "{") - (solution[place] == "}")
        if not depth:
            return solution[start + len("\\boxed{") : place]
    return None
