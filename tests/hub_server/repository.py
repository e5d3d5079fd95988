"""Repositories as the Hub keeps them, and what it refuses of their cards."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

LICENCES = {"apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0"}


@dataclass
class File:
    """A file of a commit."""

    content: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    def info(self, path: str) -> dict[str, Any]:
        info: dict[str, Any] = {"type": "file", "path": path, "size": len(self.content), "oid": self.blob}
        if self.lfs:
            info["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": 130}
        return info


@dataclass
class Repo:
    """A repository of a dataset or a model."""

    private: bool
    commits: list[tuple[str, dict[str, File], str]] = field(default_factory=list)
    """(sha, files, message), the newest last."""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, File], message: str) -> str:
        content = json.dumps([message, len(self.commits), {p: f.blob for p, f in sorted(files.items())}])
        sha = hashlib.sha1(content.encode()).hexdigest()
        self.commits.append((sha, files, message))
        return sha

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    def at(self, revision: str) -> tuple[str, dict[str, File]] | None:
        wanted = self.head if revision in ("main", "HEAD") else self.tags.get(revision, revision)
        return next(((sha, files) for sha, files, _ in self.commits if sha == wanted), None)


def card_errors(text: str, kind: str = "dataset") -> list[str]:
    """Say what the Hub would refuse of a card's metadata, as its documentation has it."""
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if match is None:
        return ["no metadata"]
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    errors = [] if data.get("license") in LICENCES else [f'"license" must be one of {sorted(LICENCES)}']
    if kind == "model":
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(data.get("base_model", "me/any"))):
            errors.append(f'"base_model" with value "{data["base_model"]}" is not valid. Use a model id')
        if data.get("base_model_relation", "adapter") not in ("adapter", "merge", "quantized", "finetune"):
            errors.append('"base_model_relation" is not known')
        return errors
    names = [one.get("config_name") for one in data.get("configs", [])]
    if len(set(names)) != len(names) or None in names:
        errors.append('"configs" need names of their own')
    for one in data.get("configs", []):
        if not all({"split", "path"} <= set(file) for file in one.get("data_files", [{}])):
            errors.append('"data_files" need a split and a path')
    sizes = data.get("size_categories")
    if not re.fullmatch(r"n<1K|1K<n<10K|10K<n<100K|100K<n<1M|n>1M", str(sizes)):
        errors.append('"size_categories" is not known')
    return errors
