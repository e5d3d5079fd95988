"""The command that publishes a run's Silver Bullet set, or a restored model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..datasets.errors import ConfigError, InputError
from .options import Json, tell

if TYPE_CHECKING:
    from ..datasets.hub import Kind
    from ..datasets.release import Content, Plan
    from ..loop.restored import RestoredModel


class _Tree(NamedTuple):
    """What is published."""

    kind: "Kind"
    files: "Mapping[str, Content]"
    licence: str
    notes: tuple[str, ...] = ()
    """What a person should know of it."""


def publish(
    folder: Annotated[
        Path,
        typer.Argument(help="A finished run: its dataset. A restored model: that.", show_default=False),
    ],
    repo: Annotated[str | None, typer.Option(help="On the Hub, as owner/name.", show_default=False)] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write the same files into this folder.", show_default=False)
    ] = None,
    restored: Annotated[
        bool, typer.Option("--restored", help="Of a run publish the restored model, not the dataset.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public/--private", help="Who may see it; private unless told otherwise.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go up, and send nothing.")
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(help="What the sources, or the model, ask for when left out.", show_default=False),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="Names of reviewers, one a line: none may occur.", show_default=False),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Of a set: only the first so many training pairs.", show_default=False),
    ] = None,
    licence_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=LICENCE",
            help="Of a set: licence of a source whose problems name none. Repeatable.",
            show_default=False,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Of a model: id on the Hub of the full-precision one.", show_default=False),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="Of a model: id on the Hub of the quantized one it is made from.", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Of a model: id on the Hub of the set it was trained on.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish a run's pairs, or a restored model, in one commit: privately unless told otherwise."""
    from ..datasets.hub import publish as publish_to_hub
    from ..datasets.release import plan, size_of, write_folder
    from ..loop.progress import Reporter
    from ..loop.restored import find_restored

    if repo is None and to is None:
        raise ConfigError("nowhere to publish to", hint="Give --repo OWNER/NAME, --to FOLDER, or both")
    reporter = Reporter()
    model = find_restored(folder, of_run=restored)
    name = repo or (to.name if to is not None else folder.name)
    if model is not None and model.made.rejected is not None:
        raise InputError(
            f"the gate rejected this model: {model.made.rejected}",
            hint="Restore with other pairs or settings; what was measured is in gate.json beside it",
        )
    if model is not None:
        _refuse("a model", {"--size": size, "--licence-of": licence_of})
        with reporter.task("Putting the model together"):
            tree = _model(model, name, licence, base, checkpoint, dataset, _lines(names))
    else:
        _refuse("a set", {"--base": base, "--checkpoint": checkpoint, "--dataset": dataset})
        with reporter.task("Putting the set together"):
            tree = _set(folder, name, licence, _by_source(licence_of or ()), size, _lines(names))
    result: dict[str, object] = {"kind": tree.kind, "licence": tree.licence, "dry_run": dry_run}
    said: list[str] = []
    if to is not None:
        made = plan(tree.files, None, None) if dry_run else write_folder(tree.files, to)
        result["to"] = str(to)
        result["files"] = {path: size_of(content) for path, content in sorted(made.files.items())}
        said += _told(made, dry_run, f"{to}")
    if repo is not None:
        with reporter.task(f"Publishing: {repo}") as bar:
            done = publish_to_hub(
                tree.files, repo, kind=tree.kind, public=public, dry_run=dry_run, progress=bar.note
            )
        result |= {
            "repo": repo,
            "url": done.url,
            "revision": done.revision,
            "version": done.plan.version,
            "committed": done.committed,
            "private": done.private,
            "changed": list(done.plan.changed),
            "removed": list(done.plan.removed),
            "files": {path: size_of(content) for path, content in sorted(done.plan.files.items())},
        }
        seen = "private" if done.private else "public"
        said += _told(done.plan, dry_run, f"{done.url} ({seen}{', new' if done.is_new else ''})")
        if done.revision is not None:
            said.append(f"Revision {done.revision}")
    for note in tree.notes:
        reporter.say(f"Note: {note}")
    tell(as_json, result, "\n".join(said))


def _set(
    run: Path, name: str, licence: str | None, licences: dict[str, str], size: int | None, names: list[str]
) -> _Tree:
    from ..datasets.release import build
    from ..loop.folder import RunFolder
    from ..loop.release import assemble

    found = assemble(RunFolder(run), licence=licence, licences=licences, size=size)
    every = [*found.names, *names]
    files = build(found.made, found.parts, found.config, repo=name, licence=found.licence, names=every)
    return _Tree("dataset", files, found.licence)


def _model(
    model: "RestoredModel",
    name: str,
    licence: str | None,
    base: str | None,
    checkpoint: str | None,
    dataset: str | None,
    names: list[str],
) -> _Tree:
    from ..datasets.hub import is_repo_id
    from ..restore.release import build, published

    made = published(model.made, licence=licence, base=base, checkpoint=checkpoint, dataset=dataset)
    tree = build(model.folder, model.made, made, repo=name, names=[*model.names, *names])
    linked = [("--checkpoint", made.checkpoint), ("--dataset", made.dataset)]
    if tree.in_place:
        linked = [("--base", made.base_model), *linked]
    notes = [
        f"{called} is not known to be on the Hub, and the card has no link to it; if it is, say {option}."
        for option, called in linked
        if not is_repo_id(called)
    ]
    if tree.left_out:
        notes.append(f"Not of the checkpoint, and left out: {', '.join(tree.left_out)}.")
    assert made.licence is not None
    return _Tree("model", tree.files, made.licence, tuple(notes))


def _refuse(what: str, others: dict[str, object]) -> None:
    for option, given in others.items():
        if given is not None:
            raise ConfigError(f"{option} says nothing about {what}", hint="Leave it out")


def _told(made: "Plan", dry_run: bool, where: str) -> list[str]:
    if not made.changed and not made.removed:
        return [f"{where}: nothing changed since {made.version}."]
    from ..datasets.release import size_of

    lines = [f"{size_of(made.files[path]):>10,}  {path}" for path in made.sent]
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
