"""A restored model as files: the same tree in a folder and on the Hub.

README.md                    the card
adapter_model.safetensors    what was learnt
adapter_config.json          how peft puts it on top of the quantized model
training.json                how it was trained, and the curve
provenance.json              what the card says, for programs
checksums.json, CHANGELOG.md as a released set has them

Nothing else in an adapter's folder is published, whatever lies there.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..datasets.errors import ConfigError, InputError
from ..datasets.hub import is_repo_id
from ..datasets.leaks import check_leaks
from ..datasets.licences import licence_of_a_model
from .card import CARD, TRAINING, completed, read_account, render
from .restoration import PROVENANCE, Restoration

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LONGEST_HEADER = 100_000_000
"""Bytes; the bound of the safetensors format itself."""


def published(
    made: Restoration,
    *,
    licence: str | None = None,
    checkpoint: str | None = None,
    dataset: str | None = None,
) -> Restoration:
    """Complete what a model was made of by what everybody needs to know to use it.

    Args:
        made: What is known.
        licence: Identifier of its licence; what the model that it was made of states when left out.
        checkpoint: Id on the Hub of the quantized model.
        dataset: Id on the Hub of the set that it was trained on.

    Raises:
        ConfigError: If `checkpoint` or `dataset` is no id.
        LicenceError: If the licence is not known, or is not the one that the model asks for.
    """
    for option, given in (("--checkpoint", checkpoint), ("--dataset", dataset)):
        if given is not None and not is_repo_id(given):
            raise ConfigError(f"{option} {given}: not the id of a repository", hint="Write it as owner/name.")
    return made.model_copy(
        update={
            "licence": licence_of_a_model(made.base_model, made.licence, licence),
            "checkpoint": checkpoint or made.checkpoint,
            "dataset": dataset or made.dataset,
            # A commit is of the repository that it was read from.
            "revision": made.revision if dataset in (None, made.dataset) else None,
        }
    )


def build(
    adapter: Path, before: Restoration, made: Restoration, *, repo: str, names: Sequence[str] = ()
) -> dict[str, bytes]:
    """Make all files of a restored model but its checksums and changelog; the same model, the same bytes.

    A card that a person has written on keeps its page; its metadata is completed.

    Args:
        adapter: Its folder, as `train` made it.
        before: What the card in the folder tells.
        made: The same as `published` completed it.
        repo: Id of the repository, as the card names it.
        names: Of reviewers: must not occur anywhere.

    Raises:
        InputError: If the adapter's folder is not whole.
        LeakError: If anything looks like a key, an e-mail address or a reviewer's name.
    """
    account = read_account(adapter)
    weights = _read(adapter / WEIGHTS)
    texts = {
        CARD: _card(adapter, before, made, account, repo),
        PROVENANCE: made.model_dump_json(indent=1) + "\n",
        TRAINING: json.dumps({**account, "checkpoint": made.checkpoint}, indent=1) + "\n",
        CONFIG: _config(adapter / CONFIG, made.checkpoint),
    }
    check_leaks((), {**texts, f"{WEIGHTS} (header)": _header(adapter / WEIGHTS, weights)}, names)
    return {**{path: text.encode() for path, text in texts.items()}, WEIGHTS: weights}


def _card(adapter: Path, before: Restoration, made: Restoration, account: dict[str, Any], repo: str) -> str:
    path = adapter / CARD
    there = path.read_text(encoding="utf-8") if path.is_file() else None
    if there is None or there == render(before, account):
        return render(made, account, repo=repo)
    return completed(there, made)


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


def _header(path: Path, weights: bytes) -> str:
    """Return the text that a safetensors file starts with: names of tensors, and whatever was noted."""
    size = int.from_bytes(weights[:8], "little")
    try:
        if len(weights) < 8 or size > min(_LONGEST_HEADER, len(weights) - 8):
            raise ValueError("its header is longer than the file")
        text = weights[8 : 8 + size].decode()
        json.loads(text)
    except ValueError:
        raise InputError(f"{path}: not a safetensors file", hint="Restore again.") from None
    return text


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: missing", hint="Give what `firstfault restore` wrote, or restore again.")
    return path.read_bytes()
