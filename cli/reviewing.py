"""Commands about human review: a server for it, solutions to it, people's answers from it."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..annotate.argilla.asking import Asking, Blind, What
from .options import Json, tell
from .review_server import serve
from .runs import RunPath

if TYPE_CHECKING:
    from ..annotate.argilla.connection import Connection
    from ..loop.reviewing import PullResult, PushResult, RunReview

_URL, _KEY = "ARGILLA_API_URL", "ARGILLA_API_KEY"

app = typer.Typer(
    no_args_is_help=True,
    help=f"Have people check what judges found, in Argilla: on the server that {_URL} and {_KEY} name,"
    " else on the one that `serve` runs.",
)
app.command()(serve)

Data = Annotated[Path, typer.Option(help="Folder of the server that `serve` runs.")]
Name = Annotated[
    str | None, typer.Option(help="Of the dataset in Argilla; made up when left out.", show_default=False)
]
Workspace = Annotated[str, typer.Option(help="In Argilla.")]


@app.command()
def push(
    path: RunPath,
    who: Annotated[
        list[str] | None,
        typer.Option(help="A reviewer; made when there is none. As often as you like.", show_default=False),
    ] = None,
    what: Annotated[What, typer.Option(help="Which solutions.")] = What.DOUBTFUL,
    size: Annotated[int, typer.Option(min=1, help="Most solutions; `all` heeds none.")] = 100,
    random: Annotated[
        float, typer.Option(min=0, max=1, help="Share drawn by chance: it tells how good judges are.")
    ] = 0.2,
    gold: Annotated[
        float,
        typer.Option(min=0, max=1, help="Planted faults beside them: how good reviewers are."),
    ] = 0.1,
    blind: Annotated[
        Blind, typer.Option(help="What is shown without suggestions: half of the random ones.")
    ] = Blind.HALF,
    answers: Annotated[int, typer.Option(min=1, help="People who answer each.")] = 2,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    accounts: Annotated[
        Path | None,
        typer.Option(
            help="File for passwords of new accounts, in place of showing them.", show_default=False
        ),
    ] = None,
    workspace: Workspace = "review",
    name: Name = None,
    data: Data = Path("argilla-data"),
    as_json: Json = False,
) -> None:
    """Ask people about a run's solutions. Again: what is missing is added, and answers are kept."""
    from ..annotate.argilla.people import keep_in
    from ..loop.progress import Reporter

    review, connection = _open(path, data)
    place = review.place(workspace, name)
    asking = Asking(what, size, random, gold, blind, answers, seed)
    keep = keep_in(accounts) if accounts is not None else None
    result = review.push(connection, asking, place, who or [], Reporter(), keep)
    tell(as_json, _pushed(result, accounts), _told_push(result, path, bool(who), accounts))


@app.command()
def status(
    path: RunPath,
    workspace: Workspace = "review",
    name: Name = None,
    data: Data = Path("argilla-data"),
    as_json: Json = False,
) -> None:
    """Show how far reviewers are and how well they agree; nothing is changed."""
    from ..loop.progress import Reporter

    review, connection = _open(path, data)
    result = review.pull(connection, review.place(workspace, name), Reporter(), save=False)
    _show(review, result, path, as_json)


@app.command()
def pull(
    path: RunPath,
    workspace: Workspace = "review",
    name: Name = None,
    data: Data = Path("argilla-data"),
    as_json: Json = False,
) -> None:
    """Bring reviewers' answers into the run: where people agree, they outrank the judges."""
    from ..loop.progress import Reporter

    review, connection = _open(path, data)
    result = review.pull(connection, review.place(workspace, name), Reporter())
    _show(review, result, path, as_json)
    if not as_json and result.report is not None:
        print(f"Report: {result.report}")
    if not as_json and result.new + result.changed + result.withdrawn:
        print(
            "To make pairs by these reviews and restore with them, run the command that made the run again."
        )


def _open(path: Path, data: Path) -> "tuple[RunReview, Connection]":
    from ..annotate.argilla.connection import connect
    from ..loop.folder import RunFolder
    from ..loop.reviewing import RunReview

    # What is wrong with the run is said without asking a server.
    return RunReview(RunFolder(path)), connect(data)


def _pushed(result: "PushResult", kept_in: Path | None) -> dict[str, Any]:
    accounts = [account._asdict() for account in result.accounts]
    if kept_in is not None:
        accounts = [{"username": account["username"], "kept_in": str(kept_in)} for account in accounts]
    return {
        "url": result.url,
        "workspace": result.place.workspace,
        "dataset": result.place.dataset,
        **result.pushed._asdict(),
        "drawn": {drawn.value: count for drawn, count in result.drawn.items()},
        "accounts": accounts,
    }


def _told_push(result: "PushResult", path: Path, has_who: bool, kept_in: Path | None) -> str:
    drawn = ", ".join(f"{count} {drawn.value}" for drawn, count in result.drawn.items())
    added, changed, unchanged = result.pushed
    lines = [
        f"{result.drawn.total()} solutions to review: {drawn}."
        f" {added} added, {changed} changed, {unchanged} as they were.",
        f"Reviewers: {result.url}",
    ]
    if result.accounts and kept_in is not None:
        names = ", ".join(one.username for one in result.accounts)
        lines += [f"New accounts: {names}; their passwords are in {kept_in}"]
    elif result.accounts:
        lines += ["New accounts; the passwords are shown this once:"]
        lines += [f"  {one.username}  {one.password}" for one in result.accounts]
    elif not has_who:
        lines += [
            f"Who may see it: the members of the workspace {result.place.workspace!r}; --who adds some."
        ]
    return "\n".join([*lines, f"How far they are: firstfault review status {path}"])


def _show(review: "RunReview", result: "PullResult", path: Path, as_json: bool) -> None:
    import json

    from rich.console import Console

    from ..loop.terminal import reviews_picture

    states = _states(result)
    refused = [one for each in result.pulled for one in each.refused]
    complete = review.completed(result.reviews)
    if as_json:
        told = {
            "solutions": len(result.pulled[0].solutions),
            "complete": complete,
            "reviews": len(result.reviews),
            "new": result.new,
            "changed": result.changed,
            "withdrawn": result.withdrawn,
            "disputed": result.disputed,
            "reviewers": {name: dict(found) for name, found in states.items()},
            "refused": [one._asdict() for one in refused],
            "figures": result.figures.model_dump(mode="json"),
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    console = Console()
    solutions = len(result.pulled[0].solutions)
    console.print(
        f"{complete} of {solutions} solutions complete. {len(result.reviews)} reviews:"
        f" {result.new} new, {result.changed} changed, {result.withdrawn} taken back.",
        highlight=False,
    )
    for name, found in states.items():
        print(
            f"  {review.pseudonyms.name(name)} ({name}): {found['submitted']} submitted,"
            f" {found['draft']} drafts, {found['discarded']} discarded"
        )
    for one in refused:
        who = review.pseudonyms.name(one.reviewer)
        print(f"  refused: {who} on {one.solution_id}: {one.reason}; ask them to mend it")
    if result.reviews:
        console.print()
        console.print(reviews_picture(result.figures))
    if result.disputed:
        print(
            f"{result.disputed} disputed. To have another person decide:"
            f" firstfault review push {path} --what disputed --who NAME"
        )


def _states(result: "PullResult") -> dict[str, Counter[str]]:
    states: dict[str, Counter[str]] = {}
    for each in result.pulled:
        for name, found in each.states.items():
            states.setdefault(name, Counter()).update(found)
    return states
