"""A released set as files: the same tree in a folder and on the Hub.

README.md                  the card
data/SUBSET/PART.parquet   the rows
composition.svg, margins.svg
provenance.json            how it was made, for programs
config.yaml                the run's configuration, without paths
checksums.json             SHA-256 of all of these
CHANGELOG.md               what each revision changed
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from . import card, pictures
from .errors import InputError
from .leaks import check_leaks
from .parquet import arrow_schema
from .provenance import Provenance
from .records import Pair, Record
from .store import file_sha256, read_records, write_records
from .subsets import KINDS, PARTS, Part

R = TypeVar("R", bound=Record)
Content = bytes | Path
"""Of a file to publish: its bytes, or where it lies if it may be too large for memory."""
CARD, PROVENANCE, CONFIG = "README.md", "provenance.json", "config.yaml"
CHECKSUMS, CHANGELOG = "checksums.json", "CHANGELOG.md"


class Released(NamedTuple):
    """A released set, checked and read."""

    folder: Path
    train: list[Pair]
    test: list[Pair]
    made: Provenance
    sha256: str
    """Of its checksums: the same for the same content."""


class Plan(NamedTuple):
    """What publishing would do."""

    files: dict[str, Content]
    """The whole new tree by path."""
    changed: tuple[str, ...]
    """Paths that are new or different; empty when there is nothing to do."""
    removed: tuple[str, ...]
    """Paths of the last revision that are no more."""
    version: str
    """The tag of this revision, e.g. `v2`."""
    line: str
    """What stands in the changelog."""

    @property
    def sent(self) -> tuple[str, ...]:
        """Paths of the files that go up; empty when there is nothing to do."""
        return (*self.changed, CHECKSUMS, CHANGELOG) if self.changed or self.removed else ()


def build(
    made: Provenance,
    parts: Sequence[Part],
    config: str,
    *,
    repo: str,
    licence: str,
    names: Sequence[str] = (),
) -> dict[str, bytes]:
    """Make all files of a set but its checksums and changelog; the same set makes the same bytes.

    Args:
        made: Where it comes from.
        parts: All rows.
        config: The run's configuration as YAML, without paths.
        repo: Id of the repository, as the card names it.
        licence: Identifier of its licence.
        names: Of reviewers: must not occur anywhere.

    Raises:
        LeakError: If anything looks like a key, an e-mail address or a reviewer's name.
    """
    data = {part.path: _parquet(part) for part in parts}
    pairs = [row for part in parts if part.subset == "preference" for row in part.rows]
    known = [pair for pair in pairs if isinstance(pair, Pair)]
    texts = {
        CARD: card.render(made, parts, dataset_info(parts, data), repo=repo, licence=licence),
        PROVENANCE: made.model_dump_json(indent=1) + "\n",
        CONFIG: config,
        "composition.svg": pictures.composition(known),
    }
    if (drawn := pictures.margins(known)) is not None:
        texts["margins.svg"] = drawn
    check_leaks(parts, texts, names)
    return {**{path: text.encode() for path, text in texts.items()}, **data}


def dataset_info(parts: Sequence[Part], data: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what the Hub shows of every subset: its columns, and rows and bytes of its parts."""
    # As Any, since it has no types.
    features: Any = import_module("datasets").Features
    found: dict[str, Any] = {}
    for subset, kind in KINDS.items():
        of_it = [part for part in parts if part.subset == subset]
        sizes = {part.part: len(data[part.path]) for part in of_it}
        found[subset] = {
            "config_name": subset,
            "features": features.from_arrow_schema(arrow_schema(kind))._to_yaml_list(),
            "splits": [
                {"name": part.part, "num_bytes": _in_memory(part), "num_examples": len(part.rows)}
                for part in of_it
            ],
            "download_size": sum(sizes.values()),
            "dataset_size": sum(_in_memory(part) for part in of_it),
        }
    return found


def plan(files: Mapping[str, Content], checksums: str | None, changelog: str | None) -> Plan:
    """Compare a tree with the last revision. Files that are given by where they lie are read in pieces.

    Args:
        files: What `build` made.
        checksums: `checksums.json` of the last revision; `None` if there is none.
        changelog: `CHANGELOG.md` of the last revision.
    """
    before = _listed(checksums)
    now = {path: _sha256(content) for path, content in sorted(files.items())}
    changed = tuple(path for path in now if before.get(path) != now[path])
    removed = tuple(sorted(before.keys() - now.keys()))
    told = changelog or "# Changelog\n"
    number = told.count("\n## v") + (1 if changed or removed else 0)
    line = _line(before, changed, removed, files)
    if changed or removed:
        told = f"{told.rstrip()}\n\n## v{number}\n\n{line}\n"
    sums = json.dumps({"files": now}, indent=1) + "\n"
    whole: dict[str, Content] = {**files, CHECKSUMS: sums.encode(), CHANGELOG: told.encode()}
    return Plan(whole, changed, removed, f"v{max(number, 1)}", line)


def size_of(content: Content) -> int:
    """Return how many bytes a file to publish has."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def write_folder(files: Mapping[str, Content], folder: Path) -> Plan:
    """Write a tree into a folder: the whole new one is there, or what was there before.

    Raises:
        InputError: If the folder holds something else, or files of the tree.
    """
    place = folder.resolve()
    if any(isinstance(one, Path) and place in one.absolute().parents for one in files.values()):
        raise InputError(f"{folder}: holds what is to be published", hint="Choose another folder.")
    checksums = _text(folder / CHECKSUMS)
    if folder.exists() and checksums is None and any(folder.iterdir()):
        raise InputError(f"{folder}: holds files that are not of a release", hint="Choose another folder.")
    made = plan(files, checksums, _text(folder / CHANGELOG))
    if not made.changed and not made.removed:
        return made
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, content in made.files.items():
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, target)
            else:
                target.write_bytes(content)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return made


def read_release(folder: Path) -> Released:
    """Read a released set, after its checksums and its columns.

    Raises:
        InputError: If it is no release, a file is missing or was altered, or columns are not ours.
    """
    checksums = _text(folder / CHECKSUMS)
    if checksums is None:
        raise InputError(
            f"{folder}: not a Silver Bullet set: no {CHECKSUMS}",
            hint="Give what `firstfault publish` wrote, or the id of its repository.",
        )
    for path, expected in _listed(checksums).items():
        file = folder / path
        if not file.is_file():
            raise InputError(f"{file}: missing", hint="Download the set again.")
        if file_sha256(file) != expected:
            raise InputError(f"{file}: was altered since it was published", hint="Download the set again.")
    read = {part: _read_rows(folder / Part("preference", part, ()).path, Pair) for part in PARTS}
    text = _text(folder / PROVENANCE)
    if text is None:
        raise InputError(f"{folder}: no {PROVENANCE}", hint="Download the set again.")
    try:
        made = Provenance.model_validate_json(text)
    except ValueError:
        raise InputError(
            f"{folder / PROVENANCE}: not understood", hint="It may be of a newer version of firstfault."
        ) from None
    return Released(folder, read["train"], read["test"], made, hashlib.sha256(checksums.encode()).hexdigest())


def _read_rows(path: Path, kind: type[R]) -> list[R]:
    import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]

    parquet: Any = pq
    if not path.is_file():
        raise InputError(f"{path}: missing", hint="Download the set again.")
    found, wanted = parquet.read_schema(path), arrow_schema(kind)
    if not found.equals(wanted):
        odd = next(
            name
            for name in (*wanted.names, *found.names)
            if name not in found.names or name not in wanted.names or found.field(name) != wanted.field(name)
        )
        raise InputError(
            f"{path}: column {odd!r} is not as in this version",
            hint="The set may be of another version of firstfault.",
        )
    return read_records(path, kind)


def _parquet(part: Part) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_records(path, part.rows, KINDS[part.subset])
        return path.read_bytes()


def _in_memory(part: Part) -> int:
    return sum(len(row.model_dump_json().encode()) for row in part.rows)


def _listed(checksums: str | None) -> dict[str, str]:
    if checksums is None:
        return {}
    try:
        listed: dict[str, Any] = json.loads(checksums)["files"]
        found = {str(path): str(value) for path, value in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{CHECKSUMS}: not understood", hint="Download the set again.") from None
    for path in found:
        # The file may come from anywhere.
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise InputError(f"{CHECKSUMS}: names a file outside", hint="Don't use this set.")
    return found


def _line(
    before: Mapping[str, str], changed: Sequence[str], removed: Sequence[str], files: Mapping[str, Content]
) -> str:
    if not before:
        return f"First revision: {len(files)} files."
    said = [f"changed {', '.join(changed)}"] if changed else []
    said += [f"removed {', '.join(removed)}"] if removed else []
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else "Nothing changed."


def _sha256(content: Content) -> str:
    return file_sha256(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
