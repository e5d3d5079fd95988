"""Problems that models are measured on, and what a restored model must keep beside them."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ..datasets.abacus import LARGEST, LEVELS, generate
from ..datasets.config import Config
from ..datasets.problem_sets import load_problems, problems_path
from ..datasets.records import Problem, Split
from ..restore.config import Limits

CAPABILITY = "capability"
"""Part of the second problem set's solutions."""


class Benchmark(Config):
    """Problems that models are measured on: generated, or a file or known set."""

    abacus: int | None = Field(default=None, ge=1)
    """So many generated ones."""
    seed: int = 0
    """Of those."""
    levels: tuple[int, ...] = LEVELS
    """Their numbers of steps, from 2 to 8."""
    largest: int = Field(default=LARGEST, ge=100)
    """Largest number that occurs in them."""
    distractors: int = Field(default=2, ge=0, le=8)
    """Most sentences of each whose numbers must not be used."""
    file: Path | None = None
    """A file of problems, or the name of a known set, such as `gsm8k:test`."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.abacus is None) == (self.file is None):
            raise ValueError("give either abacus or file")
        return self

    def problems(self, split: Split) -> list[Problem]:
        """Generate or read them.

        Raises:
            InputError: If the file can't be read.
        """
        if self.file is not None:
            return load_problems(self.file, split=split)
        assert self.abacus is not None
        how = self.model_dump(include={"seed", "levels", "largest", "distractors"})
        return generate(split, self.abacus, **how)

    def with_paths_from(self, folder: Path) -> Self:
        """Make the path absolute, taking a relative one as relative to `folder`."""
        if self.file is None:
            return self
        return self.model_copy(update={"file": problems_path(self.file, folder)})


class GateConfig(Limits):
    """What a restored model must not have lost; on held-out problems it must have gained in any case."""

    benchmark: Benchmark | None = None
    """A second problem set, unlike the mined one. Of generated problems those of the held-out split are
    taken: give them another seed or other levels than the held-out ones have."""
    text: Path | None = None
    """A file of plain text, UTF-8."""

    def with_paths_from(self, folder: Path) -> Self:
        """Make paths absolute, taking relative ones as relative to `folder`."""
        return self.model_copy(
            update={
                "benchmark": None if self.benchmark is None else self.benchmark.with_paths_from(folder),
                "text": None if self.text is None else (folder / self.text).resolve(),
            }
        )
