"""The command that publishes a run's Silver Bullet set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError, InputError
from .options import Json, tell

if TYPE_CHECKING:
    from ..datasets.release import Plan


def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.", show_default=False)],
    repo: Annotated[
        str | None, typer.Option(help="Dataset on the Hub, as owner/name.", show_default=False)
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write the same files into this folder.", show_default=False)
    ] = None,
    public: Annotated[
        bool, typer.Option("--public/--private", help="Who may see it; private unless told otherwise.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go up, and send nothing.")
    ] = False,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Only the first so many training pairs, the best.", show_default=False),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Of the dataset; what the sources ask for when left out.", show_default=False),
    ] = None,
    licence_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=LICENCE",
            help="Of a source whose problems name none. Repeatable.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="Names of reviewers, one a line: none may occur.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish a run's pairs with their card, in one commit: privately unless told otherwise."""
    from ..datasets.hub import publish as publish_to_hub
    from ..datasets.release import build, plan, write_folder
    from ..loop.folder import RunFolder
    from ..loop.progress import Reporter
    from ..loop.release import assemble

    if repo is None and to is None:
        raise ConfigError("nowhere to publish to", hint="Give --repo OWNER/NAME, --to FOLDER, or both")
    reporter = Reporter()
    with reporter.task("Putting the set together"):
        release = assemble(RunFolder(run), licence=licence, licences=_by_source(licence_of or ()), size=size)
        files = build(
            release.made,
            release.parts,
            release.config,
            repo=repo or (to.name if to is not None else run.name),
            licence=release.licence,
            names=[*release.names, *_lines(names)],
        )
    result: dict[str, object] = {"licence": release.licence, "dry_run": dry_run}
    said: list[str] = []
    if to is not None:
        made = plan(files, None, None) if dry_run else write_folder(files, to)
        result["to"] = str(to)
        result["files"] = {path: len(content) for path, content in sorted(made.files.items())}
        said += _told(made, dry_run, f"{to}")
    if repo is not None:
        with reporter.task(f"Publishing: {repo}") as bar:
            done = publish_to_hub(files, repo, public=public, dry_run=dry_run, progress=bar.note)
        result |= {
            "repo": repo,
            "url": done.url,
            "revision": done.revision,
            "version": done.plan.version,
            "committed": done.committed,
            "private": done.private,
            "changed": list(done.plan.changed),
            "removed": list(done.plan.removed),
            "files": {path: len(content) for path, content in sorted(done.plan.files.items())},
        }
        seen = "private" if done.private else "public"
        said += _told(done.plan, dry_run, f"{done.url} ({seen}{', new' if done.is_new else ''})")
        if done.revision is not None:
            said.append(f"Revision {done.revision}")
    tell(as_json, result, "\n".join(said))


def _told(made: "Plan", dry_run: bool, where: str) -> list[str]:
    if not made.changed and not made.removed:
        return [f"{where}: nothing changed since {made.version}."]
    lines = [f"{len(made.files[path]):>10,}  {path}" for path in made.changed]
    lines += [f"{'removed':>10}  {path}" for path in made.removed]
    return [f"{where}: {made.version}{', not sent (dry run)' if dry_run else ''}", *lines]


def _by_source(stated: "list[str] | tuple[str, ...]") -> dict[str, str]:
    found: dict[str, str] = {}
    for one in stated:
        source, sign, licence = one.partition("=")
        if not sign or not source or not licence:
            raise ConfigError(f"--licence-of {one!r}: no `=`", hint="Write it as SOURCE=LICENCE")
        found[source] = licence
    return found


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="Give a text file with a name a line.")
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
