"""Files of solutions to be judged, and the rows that judging them gives.

Reads ProcessBench's own JSON (arXiv 2412.06559: an array of `id`, `problem`, `steps`, `label`, and the
fault's `error_type` where known), the same as JSONL, PRM800K's files (`prm800k`), and our own JSONL of
solutions with their problems. A file that can't be read is an error; an item that can't be judged is
data: it is kept with the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ..datasets.errors import InputError
from ..datasets.records import ErrorType, Problem, Solution, Usage, Verdict, VerdictStatus
from ..datasets.store import parse_json, parse_record, read_rows
from .case import Case
from .item import ItemCase, as_case
from .prm800k import flattened_item, is_flattened, is_prm800k, prm800k_item

_SOLUTION_FIELDS = ("problem_id", "model", "text")


def read_cases(path: Path, problems: Sequence[Problem] = ()) -> list[ItemCase]:
    """Read the items of a file, in order.

    Args:
        path: `.json` (an array) or `.jsonl`/`.parquet`, of items of ProcessBench or PRM800K, or of our
            solutions.
        problems: The problems that our solutions are about; other items carry their own.

    Raises:
        InputError: If the file is missing, malformed or empty, or a solution of ours is malformed
            or about an unknown problem.
    """
    known = {problem.id: problem for problem in problems}
    items = [read_item(row, place, where, known) for place, (where, row) in enumerate(read_item_rows(path))]
    if not items:
        raise InputError(f"{path}: no items", hint="Give a file with at least one solution.")
    return items


def read_item(row: object, place: int, where: str, known: Mapping[str, Problem]) -> ItemCase:
    """Read one item, of whatever kind it is.

    Args:
        row: As parsed from JSON.
        place: 0-based place in its file.
        where: Name of the place, for messages.
        known: Problems by id, for solutions of ours that don't carry theirs under `problem`.

    Raises:
        InputError: If it is a malformed solution of ours, or one about an unknown problem.
    """
    if not isinstance(row, dict):
        return ItemCase(str(place), None, "not a JSON object")
    fields = cast(dict[str, Any], row)
    if all(field in fields for field in _SOLUTION_FIELDS):
        return _our_item(fields, where, known)
    if is_prm800k(fields):
        return prm800k_item(fields, place)
    if is_flattened(fields):
        return flattened_item(fields, place)
    return _their_item(fields, place)


def verdict_row(item: ItemCase, verdict: Verdict | None) -> dict[str, object]:
    """Return the row that stands for an item: always all of its fields.

    `rationale` of an item without a label is the reason. An item without a verdict is `unscored`.
    """
    if verdict is None:
        return {
            "id": item.id,
            "status": VerdictStatus.UNSCORED.value,
            "first_fault": None,
            "error_type": None,
            "confidence": None,
            "rationale": item.reason or "the judge gave no verdict",
        }
    return {
        "id": item.id,
        "status": verdict.status.value,
        "first_fault": verdict.first_fault,
        "error_type": verdict.error_type.value if verdict.error_type else None,
        "confidence": verdict.confidence,
        "rationale": verdict.rationale or verdict.reason or "",
    }


def spent_row(verdict: Verdict | None, usd: float | None) -> dict[str, object]:
    """Return what a verdict took: further fields of its row where language models were asked.

    Args:
        verdict: What was found; asking for none takes nothing.
        usd: What it cost in US dollars; `None` where no price is known.
    """
    if verdict is None:
        return {**Usage().model_dump(), "usd": 0.0}
    return {**verdict.usage.model_dump(), "usd": usd}


def read_item_rows(path: Path) -> Iterator[tuple[str, object]]:
    """Yield `(where, row)` for every item of a file, as parsed from JSON.

    Raises:
        InputError: If the file is missing or malformed.
    """
    if path.suffix != ".json":
        yield from read_rows(path)
        return
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Check the path.")
    try:
        content: object = parse_json(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}", hint="Give a JSON array of items.") from None
    if not isinstance(content, list):
        raise InputError(f"{path}: not a JSON array", hint="Give a JSON array of items, or JSONL.")
    for place, row in enumerate(cast(list[object], content)):
        yield f"{path}[{place}]", row


def _our_item(row: dict[str, Any], where: str, known: Mapping[str, Problem]) -> ItemCase:
    carried = row.get("problem")
    if isinstance(carried, dict):
        problem = parse_record(cast(dict[str, Any], carried), Problem, f"{where}: problem")
        row = {name: value for name, value in row.items() if name != "problem"}
    else:
        problem = known.get(str(row["problem_id"]))
    solution = parse_record(row, Solution, where)
    if problem is None:
        raise InputError(
            f"{where}: problem_id: unknown problem {solution.problem_id!r}",
            hint="Give the file of problems that these solutions are about, or each its own as `problem`.",
        )
    if problem.id != solution.problem_id:
        raise InputError(
            f"{where}: problem: it is {problem.id!r}, and the solution is about {solution.problem_id!r}",
            hint="Give the problem that the solution is about.",
        )
    return ItemCase(solution.id, Case(problem, solution))


def _their_item(item: Mapping[str, object], place: int) -> ItemCase:
    name = item.get("id")
    identity = name if isinstance(name, str) and name else str(place if name is None else name)
    question, steps, label = item.get("problem"), item.get("steps"), item.get("label")
    if not isinstance(question, str):
        return ItemCase(identity, None, "problem: missing or not text")
    if not question.strip():
        return ItemCase(identity, None, "problem: empty")
    if not isinstance(steps, list) or not steps:
        return ItemCase(identity, None, "steps: missing, empty or not a list")
    texts: list[str] = []
    for number, step in enumerate(cast(list[object], steps), 1):
        if not isinstance(step, str):
            return ItemCase(identity, None, f"steps: step {number} is not text")
        texts.append(step)
    whole = isinstance(label, int) and not isinstance(label, bool) and -1 <= label < len(texts)
    answer, generator = item.get("answer"), item.get("generator")
    kind = item.get("error_type")
    return ItemCase(
        identity,
        as_case(
            question,
            tuple(texts),
            source="processbench",
            answer=answer if isinstance(answer, str) else "",
            model=generator if isinstance(generator, str) else "",
        ),
        None,
        cast(int, label) if whole else None,
        ErrorType(kind) if whole and kind in tuple(ErrorType) else None,
    )
