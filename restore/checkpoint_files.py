"""What is published of a checkpoint's folder: the files that serve it, and nothing that lies beside them.

Weights are named by where they lie, since they may be larger than memory. What tools note in small files of
where things lay on the machine that made them is cut down to names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..datasets.errors import InputError, LeakError
from ..datasets.hub import is_repo_id
from ..datasets.release import Content
from ..quant.formats.packed_checkpoint import open_packed
from ..quant.formats.shards import INDEX

SMALL = (
    "config.json",
    "generation_config.json",
    "quantize_config.json",
    "recipe.yaml",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "NOTICE",
    "NOTICE.txt",
    INDEX,
)
"""Files that are looked into before they are published."""
VOCABULARIES = (
    "tokenizer.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
)
"""Not looked into: they hold names and whatever else is common in texts."""
_PLACE = re.compile(r"(?:^|_)(?:path|file|dir|directory|folder)$")
_HOME = re.compile(r"(?<![\w.])(?:/home/|/Users/|/root/|[A-Za-z]:\\{1,2}Users\\{1,2})[\w.-]+")


class CheckpointFiles(NamedTuple):
    """A checkpoint's folder, sorted."""

    files: dict[str, Content]
    """By name; those that are as they were by where they lie."""
    texts: dict[str, str]
    """What is to be searched for what must not be published: small files, and headers of weights."""
    left_out: tuple[str, ...]
    """Names of what lies there and is not published."""


def checkpoint_files(folder: Path) -> CheckpointFiles:
    """Sort what lies in the folder of a quantized checkpoint.

    Raises:
        ModelError: If the checkpoint is incomplete or damaged; every tensor is checked by its header.
        InputError: If a small file can't be read as text.
        LeakError: If a small file names a home folder.
    """
    shards = sorted({place.file for place in open_packed(folder).shards.places.values()})
    files: dict[str, Content] = {path.name: path for path in shards}
    texts = {f"{path.name} (header)": header(path) for path in shards}
    for name in (*SMALL, *VOCABULARIES):
        if (folder / name).is_file():
            files[name] = folder / name
    for name in SMALL:
        if name not in files:
            continue
        text = _text(folder / name)
        if name.endswith(".json") and (without := without_places(text)) != text:
            files[name] = without.encode()
            text = without
        texts[name] = text
    check_homes(texts)
    left_out = sorted(path.name for path in folder.iterdir() if path.name not in files)
    return CheckpointFiles(files, texts, tuple(left_out))


def header(path: Path) -> str:
    """Return the text that a safetensors file starts with: names of tensors, and whatever was noted.

    Raises:
        InputError: If it is no safetensors file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            size = int.from_bytes(start, "little")
            if len(start) < 8 or size > path.stat().st_size - 8:
                raise ValueError("its header is longer than the file")
            text = file.read(size).decode()
        json.loads(text)
    except ValueError:
        raise InputError(f"{path}: not a safetensors file", hint="Restore again.") from None
    return text


def without_places(text: str) -> str:
    """Return a JSON text in which absolute paths are names; the very same text if it holds none.

    Whatever its field is called, `*name_or_path` is a name, unless it is an id on the Hub.
    """
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    named = _named(value, "")
    return text if named == value else json.dumps(named, indent=2, ensure_ascii=False) + "\n"


def check_homes(texts: Mapping[str, str]) -> None:
    """Refuse to publish what names somebody's home folder.

    Raises:
        LeakError: Naming file and line, and not what was found.
    """
    for name, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if _HOME.search(line):
                raise LeakError(
                    f"{name}, line {number}: looks like a path of a machine; nothing was published",
                    hint="Take it out of that file.",
                )


def _named(value: object, field: str) -> object:
    if isinstance(value, dict):
        return {key: _named(one, key) for key, one in cast(dict[str, object], value).items()}
    if isinstance(value, list):
        return [_named(one, field) for one in cast(list[object], value)]
    if not isinstance(value, str):
        return value
    if field.endswith("name_or_path"):
        return value if is_repo_id(value) else _last(value)
    return _last(value) if _PLACE.search(field) and re.match(r"/|~|[A-Za-z]:\\", value) else value


def _last(place: str) -> str:
    return re.split(r"[/\\]", place.rstrip("/\\"))[-1]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except ValueError:
        raise InputError(f"{path}: not text", hint="Download the checkpoint again.") from None
