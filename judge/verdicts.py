"""Verdicts on disk: whole records, or the rows that `firstfault judge` writes."""

from pathlib import Path
from typing import Any

from ..datasets.records import Verdict, VerdictStatus
from ..datasets.store import parse_record, read_rows

_ROW = ("id", "status")


def read_verdicts(path: Path) -> dict[str, Verdict]:
    """Read verdicts by the id of their solution.

    Raises:
        InputError: If the file is missing or a row is malformed, naming file and line.
    """
    found: dict[str, Verdict] = {}
    for where, row in read_rows(path):
        fields = _record(row) if all(name in row for name in _ROW) else row
        verdict = parse_record(fields, Verdict, where)
        found[verdict.solution_id] = verdict
    return found


def _record(row: dict[str, Any]) -> dict[str, Any]:
    labelled = row["status"] in (VerdictStatus.FAULTY, VerdictStatus.CLEAN)
    rationale = row.get("rationale") or ""
    return {
        "solution_id": row["id"],
        "judge": row.get("judge", "file"),
        "status": row["status"],
        "first_fault": row.get("first_fault"),
        "error_type": row.get("error_type"),
        "confidence": row.get("confidence"),
        "rationale": rationale if labelled else "",
        "reason": None if labelled else rationale,
    }
