"""Commands about judging: find first faults, score the verdicts, export them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ..datasets.errors import ConfigError, InputError
from .asking import agree_to_cost, read_panel
from .calibrating import calibrate
from .executing import Address, Executor, ShardsAt, opened, refuse_without_executor
from .options import Json, Out, tell, tell_aside
from .sharding import default_place, judge_in_shards, said

if TYPE_CHECKING:
    from ..judge.bench import Cost, Scores
    from ..judge.verdicts import Priced

_DEFAULT = "solutions"

Verdicts = Annotated[Path, typer.Option(help="What `judge` wrote.", show_default=False)]
ProblemsOf = Annotated[Path | None, typer.Option(help="Problems of our solutions.", show_default=False)]


class _JudgeFirst(TyperGroup):
    """`judge FILE` is `judge solutions FILE`: what most want is the shortest to write."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_JudgeFirst,
    no_args_is_help=True,
    help="Find the first faulty step of every solution: `judge FILE`, short for `judge solutions FILE`.",
)


@app.command()
def solutions(
    file: Annotated[
        Path, typer.Argument(help="Solutions: our .jsonl, or ProcessBench's .json.", show_default=False)
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="Where the verdicts go. With --executor also a folder or URL, for Parquet files.",
            show_default=False,
        ),
    ] = None,
    judge: Annotated[str, typer.Option(help="symbolic, rollout or panel (both).")] = "symbolic",
    config: Annotated[
        Path | None,
        typer.Option(help="YAML file with a `judge` part: a panel of your own.", show_default=False),
    ] = None,
    ledger: Annotated[
        str,
        typer.Option(
            help="Where answers of endpoints are kept, unless the file says: a file or postgresql://"
        ),
    ] = "ledger.sqlite",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend what it costs without asking.")] = False,
    problems: Annotated[
        Path | None, typer.Option(help="Problems of our solutions.", show_default=False)
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Full-precision model of the rollout judge.", show_default=False)
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest continuation of the rollout judge.")] = 512,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask language models through the Batch API, at half the price.")
    ] = False,
    batch_write: Annotated[
        Path | None,
        typer.Option(help="Judge nothing: write the requests, to be run by hand.", show_default=False),
    ] = None,
    batch_read: Annotated[
        list[Path] | None,
        typer.Option(help="Ask nothing: take answers from this output file. Repeatable.", show_default=False),
    ] = None,
    executor: Executor = None,
    address: Address = None,
    shards: ShardsAt = None,
    as_json: Json = False,
) -> None:
    """Find the first faulty step of every solution in a file."""
    from collections import Counter

    from ..annotate.engines.ledger_place import absolute
    from ..annotate.grading import Grader
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_text
    from ..judge.judged import judge_items
    from ..judge.members import asking, assemble, members
    from ..judge.processbench import read_cases
    from ..loop.executors.judging import Panel
    from ..loop.progress import Reporter
    from ..loop.rollout import FileRollout, load_rollout
    from ..loop.watching import watched
    from .batches import reading, write_requests

    panel = read_panel(judge, config)
    if batch:
        panel = panel.batched()
    if executor is not None:
        if batch_write is not None or batch_read:
            raise ConfigError("--batch-write, --batch-read: nothing is spread", hint="Leave out --executor")
        with opened(executor, address, shards or default_place(_told(out))) as where:
            rollout = FileRollout(model.resolve() if model is not None else None, max_tokens)
            spread = Panel(panel, absolute(ledger), rollout)
            known = load_problems(problems, say=tell_aside) if problems is not None else ()
            result = judge_in_shards(file, _told(out), known, spread, where, yes=yes, keep=shards is not None)
        tell(as_json, result, said(result))
        return
    refuse_without_executor(address, shards)
    items = read_cases(file, load_problems(problems, say=tell_aside) if problems is not None else ())
    cases = [item.case for item in items if item.case is not None]
    if batch_write is not None:
        write_requests(panel, cases, ledger, batch_write, as_json)
        return
    to = Path(_told(out))
    reporter = Reporter()
    with (
        Grader() as grader,
        members(
            panel,
            lambda: load_rollout(model, max_tokens, grader),
            ledger=ledger,
            chat=reading(batch_read) if batch_read else asking,
        ) as asked,
    ):
        if not batch_read:
            agree_to_cost(asked, cases, panel, reporter, yes)
        with reporter.task("Judging", total=len(cases) * len(asked)) as done:
            whole = assemble(watched(asked, reporter, done), panel, skipped=done, say=reporter.say)
            found = judge_items(items, whole, asked)
    if found.unasked:
        reporter.say(f"{found.unasked} solutions were not judged: {found.why}")
    rows = [row.row() for row in found.rows]
    write_text(to, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    result = {"items": len(rows), **Counter(str(row["status"]) for row in rows), "out": str(to)}
    tell(as_json, result, said(result))


def _told(out: str | None) -> str:
    if out is None:
        raise ConfigError("--out: nothing says where the verdicts go", hint="Give --out verdicts.jsonl")
    return out


app.command()(calibrate)


@app.command()
def cost(
    path: Annotated[str, typer.Argument(help="Folder of a run, or a ledger.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what the language models of a run were asked and have cost."""
    from ..loop.folder import RunFolder
    from .ledger import show

    if Path(path).is_dir():
        folder = RunFolder(Path(path))
        path = str(folder.read_config().judge.ledger or folder.ledger_path)
    show(path, as_json)


@app.command()
def bench(
    file: Annotated[
        Path,
        typer.Argument(help="Labelled solutions: ProcessBench's, PRM800K's, or ours.", show_default=False),
    ],
    verdicts: Verdicts,
    problems: ProblemsOf = None,
    reviews: Annotated[
        Path | None, typer.Option(help="People's reviews of our solutions.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
    as_json: Json = False,
) -> None:
    """Score verdicts against people's labels, as ProcessBench's authors do."""
    from ..datasets.problem_sets import load_problems
    from ..judge.bench import Marked, score
    from ..judge.labels import read_labelled

    items = read_labelled(
        file, load_problems(problems, say=tell_aside) if problems is not None else (), reviews=reviews
    )
    found = _found([item.id for item in items], verdicts)
    marked = [
        Marked(item.truth, one.verdict, one.usd, one.has_usage) if one else Marked(item.truth, None)
        for item, one in ((item, found.get(item.id)) for item in items)
    ]
    scores = score(marked, seed=seed)
    if as_json:
        print(scores.model_dump_json())
    else:
        _show(scores)


@app.command()
def stepwise(
    file: Annotated[
        Path, typer.Argument(help="Solutions: our .jsonl, or ProcessBench's .json.", show_default=False)
    ],
    verdicts: Verdicts,
    out: Out,
    problems: ProblemsOf = None,
    as_json: Json = False,
) -> None:
    """Write verdicts as TRL's stepwise-supervision columns (.jsonl or .parquet)."""
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_records
    from ..judge.processbench import read_cases
    from ..judge.stepwise import to_stepwise

    items = read_cases(file, load_problems(problems, say=tell_aside) if problems is not None else ())
    found = _found([item.id for item in items], verdicts)
    verdicts_of = {key: one.verdict for key, one in found.items()}
    made = to_stepwise((item.case, verdicts_of.get(item.id)) for item in items if item.case is not None)
    write_records(out, made.rows)
    skipped = dict(made.skipped)
    said = "".join(f", {count} {reason} left out" for reason, count in skipped.items())
    tell(
        as_json,
        {"rows": len(made.rows), "skipped": skipped, "out": str(out)},
        f"{len(made.rows)} rows{said}. {out}",
    )


def _found(items: list[str], path: Path) -> "dict[str, Priced]":
    from ..judge.verdicts import read_priced

    found = read_priced(path)
    if not any(item in found for item in items):
        raise InputError(f"{path}: no verdict on any of these solutions", hint="Judge this file first")
    return found


def _show(scores: "Scores") -> None:
    from rich.console import Console
    from rich.table import Table

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    table = Table("", "", title="Verdicts against labels")
    f1 = scores.f1
    rows = {
        "F1": f"{f1.value:.1f} ({f1.low:.1f} to {f1.high:.1f})" if f1 else "-",
        f"right on {scores.faulty} faulty, %": percent(scores.accuracy_faulty),
        f"right on {scores.clean} clean, %": percent(scores.accuracy_clean),
        "within one step, %": percent(scores.within_one),
        "unsure, unscored": f"{scores.unsure}, {scores.unscored}",
    }
    for name, reliability in (("faulty or clean", scores.status), ("first fault", scores.first_fault)):
        for measure, value in (("kappa", reliability.kappa), ("alpha", reliability.alpha)):
            shown = f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})" if value else "-"
            rows[f"{measure}, {name}"] = shown
    if scores.cost is not None:
        rows["a right verdict takes"] = _takes(scores.cost)
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def _takes(cost: "Cost") -> str:
    if cost.tokens_per_right is None:
        return "-"
    price = "" if cost.usd_per_right is None else f"${cost.usd_per_right:.4g}, "
    return f"{price}{cost.tokens_per_right:,.0f} tokens"
