"""Where pairs come from: a released set on the Hub or in a folder, a run, or a file; and whether they fit."""

from pathlib import Path
from typing import NamedTuple

from ..datasets.errors import InputError
from ..datasets.hub import fetch, is_repo_id
from ..datasets.provenance import Provenance
from ..datasets.records import Pair
from ..datasets.release import CHECKSUMS, read_release
from ..datasets.store import file_sha256, read_records
from ..quant.checkpoint import chat_template_sha256, read_checkpoint, weights_sha256

_TEST = ".test"


class Origin(NamedTuple):
    """Pairs, and where they are from."""

    name: str
    """Id on the Hub, or the name of the folder or file; never a path."""
    revision: str | None
    """The commit on the Hub."""
    sha256: str
    """Of the content: the same pairs in the same order have the same."""
    pairs: list[Pair]
    """Those to train on."""
    test: list[Pair]
    """Those that are set aside: of mining problems too, and never trained on."""
    made: Provenance | None
    """How a released set was made; `None` of others."""


def read_source(source: str, revision: str | None = None) -> Origin:
    """Read pairs.

    Args:
        source: A released set's folder or its id on the Hub, a run's folder, or a file of pairs.
        revision: Branch, tag or commit on the Hub; the newest when left out.

    Raises:
        InputError: If there are no pairs there, or a released set was altered.
        HubError: If the Hub can't give the set.
        ConfigError: If a revision is asked of what has none.
    """
    path = Path(source)
    if path.is_dir() and (path / CHECKSUMS).is_file():
        return _released(path.resolve().name, None, path)
    if path.is_dir():
        return _of_run(path)
    if path.is_file():
        return Origin(path.name, None, file_sha256(path), read_records(path, Pair), [], None)
    if is_repo_id(source):
        folder, commit = fetch(source, revision)
        return _released(source, commit, folder)
    raise InputError(
        f"{source}: no such folder or file, and no id on the Hub",
        hint="Give owner/name, a released set's or a run's folder, or a file of pairs",
    )


class Found(NamedTuple):
    """A model, and where it is from."""

    folder: Path
    revision: str | None = None
    """The commit on the Hub; `None` of a folder."""


def find_checkpoint(model: str) -> Found:
    """Find a model: a folder, or downloaded from the Hub.

    Raises:
        HubError: If the Hub can't give the model.
        InputError: If it is neither.
    """
    path = Path(model)
    if path.is_dir():
        return Found(path)
    if is_repo_id(model) and not path.exists():
        return Found(*fetch(model, kind="model"))
    raise InputError(f"{model}: no such folder, and no id on the Hub", hint="Give owner/name or a folder")


def misfits(origin: Origin, checkpoint: Path) -> list[str]:
    """Say in what a released set differs from the checkpoint that it is to restore.

    Pairs are a model's own failures: made from another one, they have been measured to hurt.

    Returns:
        One sentence each; none where nothing is known to differ.

    Raises:
        ModelError: If the checkpoint can't be read.
    """
    made = origin.made
    if made is None:
        return []
    read = read_checkpoint(checkpoint)
    found: list[str] = []
    if weights_sha256(checkpoint) != made.variant_sha256:
        what = f"the set is of {made.variant} ({made.scheme}), a quantized {made.base_model}"
        scheme = (
            f"this checkpoint is {read.scheme}"
            if read.scheme != made.scheme
            else "this one has other weights"
        )
        found.append(f"{what}; {scheme}.")
    if chat_template_sha256(checkpoint) != made.chat_template_sha256:
        found.append("The set's prompts are written with another chat template than this checkpoint's.")
    return found


def _released(name: str, commit: str | None, folder: Path) -> Origin:
    read = read_release(folder)
    return Origin(name, commit, read.sha256, read.train, read.test, read.made)


def _of_run(path: Path) -> Origin:
    files = [one for one in sorted(path.glob("pairs/*.parquet")) if not one.stem.endswith(_TEST)]
    if len(files) != 1:
        raise InputError(
            f"{path}: neither a released set nor a run that has made pairs",
            hint="Give what `firstfault publish` wrote, or finish the run first",
        )
    set_aside = files[0].with_suffix(f"{_TEST}.parquet")
    test = read_records(set_aside, Pair) if set_aside.is_file() else []
    return Origin(path.resolve().name, None, file_sha256(files[0]), read_records(files[0], Pair), test, None)
