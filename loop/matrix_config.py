"""The configuration of a batch restore: several models by several datasets by several seeds."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from ..annotate.engines.engine import Sampling
from ..annotate.prompts import PromptFormat
from ..datasets.config import Config
from ..restore.config import RestoreConfig
from .benchmark import Benchmark, GateConfig


class Quantized(Config):
    """A quantized model to restore."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    checkpoint: Path
    """Its folder."""
    base: Path | None = None
    """Folder of the full-precision model that it was made from; the bundled one when left out."""


class Source(Config):
    """Pairs to restore with."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    pairs: str
    """A run's folder, a released set's folder or id on the Hub, or a file of pairs."""
    revision: str | None = None
    """Of a set on the Hub; a commit, a tag or a branch."""
    size: int | None = Field(default=None, ge=1)
    """Most pairs to use, the first ones; all when left out."""
    restore: dict[str, Any] = {}
    """What is done otherwise with these pairs than `restore` of the matrix says, such as `learning_rate`."""


class MatrixConfig(Config):
    """Everything a batch restore does."""

    models: tuple[Quantized, ...] = Field(min_length=1)
    datasets: tuple[Source, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Of the order of pairs and the adapter's start; one row each."""
    validation: Benchmark = Benchmark(abacus=300, seed=777)
    """Mining problems on which the best row is chosen: choosing on held-out ones would flatter it."""
    held_out: Benchmark = Benchmark(abacus=600)
    """Problems on which recovery is told; never trained on, never chosen by."""
    gate: GateConfig = GateConfig()
    """What a restored model must not have lost; else it is rejected."""
    restore: RestoreConfig = RestoreConfig()
    prompt: PromptFormat = PromptFormat()
    sampling: Sampling = Sampling(max_tokens=320)
    batch_size: int = Field(default=128, ge=1)
    """Solutions that are generated together."""
    threads: int = Field(default=2, ge=1)
    """Processor threads; results are the same for the same number only."""

    @model_validator(mode="after")
    def _names_are_different(self) -> Self:
        for what, names in (
            ("models", [one.name for one in self.models]),
            ("datasets", [one.name for one in self.datasets]),
            ("seeds", [str(one) for one in self.seeds]),
        ):
            doubled = {name for name in names if names.count(name) > 1}
            if doubled:
                raise ValueError(f"{what}: two are {sorted(doubled)[0]}")
        return self

    @model_validator(mode="after")
    def _settings_are_possible(self) -> Self:
        for dataset in self.datasets:
            try:
                self.restore_with(dataset)
            except ValidationError as error:
                found = error.errors()[0]
                where = ".".join(("restore", *map(str, found["loc"])))
                raise ValueError(f"dataset {dataset.name}: {where}: {found['msg']}") from None
        return self

    def restore_with(self, dataset: Source) -> RestoreConfig:
        """How is trained with one dataset."""
        return RestoreConfig.model_validate({**self.restore.model_dump(), **dataset.restore})

    def with_paths_from(self, folder: Path) -> Self:
        """Make paths absolute, taking relative ones as relative to `folder`."""

        def there(path: Path | None) -> Path | None:
            return None if path is None else (folder / path).resolve()

        def pairs(one: Source) -> str:
            return str((folder / one.pairs).resolve()) if (folder / one.pairs).exists() else one.pairs

        return self.model_copy(
            update={
                "models": tuple(
                    one.model_copy(update={"checkpoint": there(one.checkpoint), "base": there(one.base)})
                    for one in self.models
                ),
                "datasets": tuple(one.model_copy(update={"pairs": pairs(one)}) for one in self.datasets),
                "validation": self.validation.with_paths_from(folder),
                "held_out": self.held_out.with_paths_from(folder),
                "gate": self.gate.with_paths_from(folder),
            }
        )
