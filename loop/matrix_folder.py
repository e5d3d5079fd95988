"""The folder of a batch restore: what lies where, and whose it is."""

from collections.abc import Iterator
from pathlib import Path

from ..datasets.errors import ConfigError
from ..datasets.store import write_text
from .matrix_config import MatrixConfig


class MatrixFolder:
    """Where the results of a matrix lie.

    Args:
        path: Of the folder; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def rows(self) -> Path:
        """All rows, as JSON."""
        return self.path / "matrix.json"

    @property
    def means(self) -> Path:
        """Every dataset's mean over its seeds, as JSON."""
        return self.path / "means.json"

    def base(self, model: str) -> Path:
        """Folder of what a model's full-precision original solved."""
        return self.path / model / f"base-{model}"

    def quantized(self, model: str) -> Path:
        """Folder of what a model solved before it was restored."""
        return self.path / model / "quantized"

    def row(self, model: str, dataset: str, seed: int) -> Path:
        """Folder of one row: its adapter, what it solved, and the row itself."""
        return self.path / model / dataset / f"seed-{seed}"

    def claim(self, config: MatrixConfig) -> None:
        """Take the folder for a matrix, or go on with one: rows may be added.

        Raises:
            ConfigError: If the folder holds another matrix, or something else.
        """
        import yaml

        path = self.path / "matrix.yaml"
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            # What rows mean may not change under those that are there.
            there = MatrixConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
            changed = list(_changed(there, config))
            if changed:
                raise ConfigError(
                    f"{self.path}: holds a matrix with another configuration ({', '.join(changed)} differ)",
                    hint="Choose another folder with --out, or remove this one",
                )
        elif not path.is_file() and self.path.is_dir() and any(self.path.iterdir()):
            raise ConfigError(
                f"{self.path}: holds files that are not of a matrix", hint="Choose another --out"
            )
        write_text(path, text)


def _changed(there: MatrixConfig, now: MatrixConfig) -> Iterator[str]:
    for name in MatrixConfig.model_fields:
        if name in ("models", "datasets"):
            before = {one.name: one for one in getattr(there, name)}
            if any(before.get(one.name, one) != one for one in getattr(now, name)):
                yield name
        elif name != "seeds" and getattr(there, name) != getattr(now, name):
            yield name
