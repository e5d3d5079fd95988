"""Options that commands share, and how they say what they did."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path, typer.Option(help="Where the result goes.", show_default=False)]
Problems = Annotated[
    Path, typer.Option(help="Problems: a file, or a known set such as gsm8k:test.", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a field, e.g. restore.epochs=2. Repeatable."),
]
BASELINE = "full_precision"


def tell_aside(text: str) -> None:
    """Say something that is not the result, on standard error."""
    print(text, file=sys.stderr, flush=True)


def tell(as_json: bool, result: dict[str, Any], text: str) -> None:
    """Print a command's result, for programs or for people."""
    print(json.dumps(result, ensure_ascii=False) if as_json else text, flush=True)
