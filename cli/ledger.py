"""Commands about a ledger: what is in it, what it has cost, what to forget."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ..datasets.errors import ConfigError
from .options import Json, tell

app = typer.Typer(help="Look into the ledger of requests to endpoints.", no_args_is_help=True)

Place = Annotated[str, typer.Argument(help="The ledger, as named when judging.")]
_DEFAULT = "ledger.sqlite"
_DAY = 86_400.0


@app.command()
def show(place: Place = _DEFAULT, as_json: Json = False) -> None:
    """Show requests, tokens and cost of each model."""
    from ..annotate.engines.ledger import Ledger
    from ..annotate.engines.ledger_place import place_of, shown

    with Ledger.existing(place) as ledger:
        models: list[dict[str, Any]] = [{**row, **_times(row, "first", "last")} for row in ledger.totals()]
    total: dict[str, Any] = {
        name: sum(row[name] for row in models)
        for name in ("answered", "failed", "prompt_tokens", "completion_tokens", "usd")
    }
    if as_json:
        print(
            json.dumps(
                {"ledger": shown(place_of(place)), "models": models, "total": total}, ensure_ascii=False
            )
        )
    else:
        _print_totals(shown(place_of(place)), models, total)


@app.command()
def export(
    place: Place = _DEFAULT,
    out: Annotated[
        Path | None, typer.Option(help="File to write; standard output when left out.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Write every request as a line of JSON: its state, answer, tokens, seconds and cost."""
    from ..annotate.engines.ledger import Ledger
    from ..datasets.store import replacing

    with Ledger.existing(place) as ledger:
        lines = (json.dumps(_exported(row), ensure_ascii=False) + "\n" for row in ledger.rows())
        if out is None:
            for line in lines:
                print(line, end="")
            return
        count = 0
        with replacing(out) as temporary, temporary.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                count += 1
    tell(as_json, {"requests": count, "out": str(out)}, f"{count} requests in {out}")


@app.command()
def prune(
    place: Place = _DEFAULT,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Forget what is older.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="Forget this model only.", show_default=False)] = None,
    batches: Annotated[
        bool, typer.Option("--batches", help="Forget batches that have not ended, not what was answered.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Forget requests by age, by model, or both: those would be paid for again."""
    from ..annotate.engines.ledger import Ledger

    if batches and (older_than is not None or model is not None):
        raise ConfigError("--batches goes with nothing else", hint="Run the command twice")
    if batches:
        with Ledger.existing(place) as ledger:
            forgotten = ledger.forget_batches()
        tell(as_json, {"forgotten": forgotten}, f"{forgotten} batches forgotten")
        return
    if older_than is None and model is None:
        raise ConfigError("nothing says what to forget", hint="Give --older-than DAYS, --model NAME, or both")
    if older_than is not None and not older_than >= 0:
        raise ConfigError(f"--older-than {older_than:g}: not a number of days", hint="Give 0 or more")
    before = None if older_than is None else time.time() - older_than * _DAY
    with Ledger.existing(place) as ledger:
        forgotten = ledger.prune(before=before, model=model)
        ledger.compact()
    tell(as_json, {"forgotten": forgotten}, f"{forgotten} requests forgotten")


def _times(row: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: datetime.fromtimestamp(row[name], UTC).isoformat(timespec="seconds") for name in names}


def _exported(row: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = json.loads(row["answer"]) if row["answer"] is not None else None
    except (ValueError, RecursionError):
        answer = row["answer"]
    return {**row, **_times(row, "created"), "answer": answer}


def _print_totals(path: str, models: list[dict[str, Any]], total: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not models:
        print(f"{path}: no requests yet")
        return
    table = Table("model", "endpoint", box=None)
    for name in ("answered", "failed", "prompt tokens", "completion tokens", "cost", "seconds each"):
        table.add_column(name, justify="right")
    rows = models if len(models) == 1 else [*models, {**total, "model": "all", "endpoint": ""}]
    for row in rows:
        seconds = row.get("mean_seconds")
        table.add_row(
            escape(row["model"]),
            escape(row["endpoint"]),
            *(f"{row[name]:,}" for name in ("answered", "failed", "prompt_tokens", "completion_tokens")),
            f"${row['usd']:,.4f}",
            "" if seconds is None else f"{seconds:.2f}",
        )
    Console().print(table)
