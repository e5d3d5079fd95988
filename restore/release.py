"""A restored model as files: the same tree in a folder and on the Hub.

README.md                    the card
adapter_model.safetensors    what was learnt
adapter_config.json          how peft puts it on top of the quantized model
training.json                how it was trained, and the curve
provenance.json              what the card says, for programs
checksums.json, CHANGELOG.md as a released set has them

A checkpoint that was restored in place has its own files in the adapter's place: see `checkpoint_files`.
Nothing else in its folder is published, whatever lies there.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets.errors import ConfigError, InputError
from ..datasets.hub import is_repo_id
from ..datasets.leaks import check_leaks
from ..datasets.licences import licence_of_a_model
from ..datasets.release import Content
from .card import CARD, TRAINING, completed, is_in_place, read_account, render, serving
from .checkpoint_files import check_homes, checkpoint_files, header
from .restoration import PROVENANCE, Restoration

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class Tree(NamedTuple):
    """All files of a restored model but its checksums and changelog."""

    files: dict[str, Content]
    in_place: bool = False
    """Whether it is a whole checkpoint, not an adapter."""
    left_out: tuple[str, ...] = ()
    """Names of what lies beside a checkpoint and is not published."""


def published(
    made: Restoration,
    *,
    licence: str | None = None,
    base: str | None = None,
    checkpoint: str | None = None,
    dataset: str | None = None,
) -> Restoration:
    """Complete what a model was made of by what everybody needs to know to use it.

    Args:
        made: What is known.
        licence: Identifier of its licence; what the model that it was made of states when left out.
        base: Id on the Hub of the full-precision model.
        checkpoint: Id on the Hub of the quantized model.
        dataset: Id on the Hub of the set that it was trained on.

    Raises:
        ConfigError: If `base`, `checkpoint` or `dataset` is no id.
        LicenceError: If the licence is not known, or is not the one that the model asks for.
    """
    for option, given in (("--base", base), ("--checkpoint", checkpoint), ("--dataset", dataset)):
        if given is not None and not is_repo_id(given):
            raise ConfigError(f"{option} {given}: not the id of a repository", hint="Write it as owner/name.")
    return made.model_copy(
        update={
            "licence": licence_of_a_model(made.base_model, made.licence, licence),
            "base_model": base or made.base_model,
            "checkpoint": checkpoint or made.checkpoint,
            "dataset": dataset or made.dataset,
            # A commit is of the repository that it was read from.
            "revision": made.revision if dataset in (None, made.dataset) else None,
            "checkpoint_revision": (
                made.checkpoint_revision if checkpoint in (None, made.checkpoint) else None
            ),
        }
    )


def build(
    folder: Path, before: Restoration, made: Restoration, *, repo: str, names: Sequence[str] = ()
) -> Tree:
    """Make all files of a restored model but its checksums and changelog; the same model, the same bytes.

    A card that a person has written on keeps its page; its metadata is completed.

    Args:
        folder: Of the adapter, or of the checkpoint that was restored in place, as `train` made it.
        before: What the card in the folder tells.
        made: The same as `published` completed it.
        repo: Id of the repository, as the card names it.
        names: Of reviewers: must not occur anywhere; vocabularies are not looked into.

    Raises:
        InputError: If the folder is not whole.
        ModelError: If a checkpoint is incomplete or damaged.
        LeakError: If anything looks like a key, an e-mail address or a reviewer's name, or a file of a
            checkpoint names a home folder.
    """
    account = read_account(folder)
    texts = {
        CARD: _card(folder, before, made, account, repo),
        PROVENANCE: made.model_dump_json(indent=1) + "\n",
        TRAINING: json.dumps({**account, "checkpoint": made.checkpoint}, indent=1) + "\n",
    }
    if not is_in_place(account):
        texts[CONFIG] = _config(folder / CONFIG, made.checkpoint)
        weights = _read(folder / WEIGHTS)
        check_leaks((), {**texts, f"{WEIGHTS} (header)": header(folder / WEIGHTS)}, names)
        return Tree({**{path: text.encode() for path, text in texts.items()}, WEIGHTS: weights})
    found = checkpoint_files(folder)
    check_homes(texts)
    check_leaks((), {**found.texts, **texts}, names)
    left_out = tuple(name for name in found.left_out if name not in texts)
    return Tree({**found.files, **{path: text.encode() for path, text in texts.items()}}, True, left_out)


def _card(folder: Path, before: Restoration, made: Restoration, account: dict[str, Any], repo: str) -> str:
    path = folder / CARD
    there = path.read_text(encoding="utf-8") if path.is_file() else None
    if there is None or there == render(before, account):
        return render(made, account, repo=repo, serve=serving(folder, account, repo))
    return completed(there, made, is_in_place(account))


def _config(path: Path, checkpoint: str) -> str:
    """Return peft's configuration with the name by which everybody can find the quantized model."""
    try:
        config: Any = json.loads(_read(path))
    except ValueError:
        config = None
    if not isinstance(config, dict) or "peft_type" not in config:
        raise InputError(f"{path}: not a configuration of peft", hint="Restore again.")
    found: dict[str, Any] = {**config, "base_model_name_or_path": checkpoint}
    # Its target modules are a set in peft, in an order that changes from process to process.
    if isinstance(found.get("target_modules"), list):
        found["target_modules"] = sorted(found["target_modules"])
    return json.dumps(found, indent=2) + "\n"


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: missing", hint="Give what `firstfault restore` wrote, or restore again.")
    return path.read_bytes()
