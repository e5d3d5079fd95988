"""A report as files: `report.json` for programs, `report.html` for people."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..datasets.errors import InputError
from ..datasets.store import write_text
from .page import render
from .report import Report

JSON_NAME = "report.json"
HTML_NAME = "report.html"
_OF_THE_HEADLINE = ("accuracy", "recovery", "flips", "pairs", "held_out")
_ANEW = "Write it anew: `firstfault report`."


def figures(report: Report) -> dict[str, Any]:
    """Return what `report.json` holds: the report, led by the headline variant's figures."""
    whole = report.model_dump(mode="json")
    main = whole["variants"][report.headline]
    return {**{name: main[name] for name in _OF_THE_HEADLINE}, **whole}


def write_report(report: Report, folder: Path) -> Path:
    """Write `report.json` and `report.html` into `folder`, each atomically.

    Returns:
        The path of `report.html`.
    """
    page = render(report)
    write_text(folder / JSON_NAME, _json(report))
    write_text(folder / HTML_NAME, page)
    return folder / HTML_NAME


def _json(report: Report) -> str:
    return json.dumps(figures(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_report(folder: Path) -> Report:
    """Read the report of a run folder back.

    Raises:
        InputError: If there is none, or it is not one of ours.
    """
    path = folder / JSON_NAME
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Finish the run first: `firstfault run` resumes it.")
    try:
        whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Report.model_validate({k: v for k, v in whole.items() if k not in _OF_THE_HEADLINE})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {field}: {first['msg']}", hint=_ANEW) from None
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a report: {error}", hint=_ANEW) from None
