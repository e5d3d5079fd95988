"""Verdicts on disk: whole records, or the rows that `firstfault judge` writes."""

from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.records import Usage, Verdict, VerdictStatus
from ..datasets.store import parse_record, read_rows

_ROW = ("id", "status")
_USAGE = tuple(Usage.model_fields)


class Priced(NamedTuple):
    """A verdict and what it took."""

    verdict: Verdict
    has_usage: bool = False
    """Whether the verdict's usage was told; files from elsewhere may hold labels alone."""
    usd: float | None = None
    """What asking for it cost in US dollars; `None` where that is not known."""


def read_verdicts(path: Path) -> dict[str, Verdict]:
    """Read verdicts by the id of their solution.

    Raises:
        InputError: If the file is missing or a row is malformed, naming file and line.
    """
    return {key: one.verdict for key, one in read_priced(path).items()}


def read_priced(path: Path) -> dict[str, Priced]:
    """Read verdicts with what they took, by the id of their solution.

    Raises:
        InputError: If the file is missing or a row is malformed, naming file and line.
    """
    found: dict[str, Priced] = {}
    for where, row in read_rows(path):
        is_row = all(name in row for name in _ROW)
        verdict = parse_record(_record(row) if is_row else row, Verdict, where)
        usd = row.get("usd") if is_row else None
        found[verdict.solution_id] = Priced(
            verdict,
            has_usage=all(name in row for name in _USAGE) if is_row else "usage" in row,
            usd=float(usd) if isinstance(usd, int | float) and not isinstance(usd, bool) else None,
        )
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
        "usage": {name: row[name] for name in _USAGE if name in row},
    }
