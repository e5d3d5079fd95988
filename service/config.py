"""What a service offers and allows, read from one YAML file."""

from pathlib import Path
from typing import Any, Self, cast

from pydantic import Field, model_validator

from ..datasets.config import Config
from ..datasets.errors import ConfigError
from ..judge.config import JudgeConfig
from ..judge.curve import read_calibration

SYMBOLIC = "symbolic"


class Limits(Config):
    """What one caller may ask for. Whoever asks for more is told so by a 413, a 422 or a 429."""

    solution_bytes: int = Field(default=1 << 20, ge=1024)
    """Largest solution that is judged at once."""
    upload_bytes: int = Field(default=1 << 30, ge=1024)
    """Largest upload of a job, and most that one in Parquet or gzip may unpack to."""
    row_bytes: int = Field(default=1 << 20, ge=1024)
    """Largest row of an upload; a larger one is rejected, the others are kept."""
    rejected_lines: int = Field(default=10_000, ge=0)
    """Lines of an upload that may be no solutions; one with more is refused as a whole."""
    job_solutions: int = Field(default=1_000_000, ge=1)
    """Solutions of one job; an upload with more is refused as a whole."""
    requests_per_minute: int = Field(default=60_000, ge=1)
    """Of one address."""
    judging: int = Field(default=8, ge=1)
    """Solutions judged at once at the same time; jobs are for many."""
    seconds: float = Field(default=30.0, gt=0)
    """Longest that judging one solution at once may take."""


class ServiceConfig(Config):
    """The panels that callers may name, and the limits. Nobody who calls can name an endpoint."""

    GUIDE = "docs/service.md"

    panels: dict[str, JudgeConfig] = Field(default={SYMBOLIC: JudgeConfig(panel=("symbolic",))}, min_length=1)
    """Judges by the name that callers use."""
    panel: str = SYMBOLIC
    """The one that judges where a caller names none; the only one where there is one."""
    model: Path | None = None
    """Full-precision model of panels with the rollout judge."""
    max_tokens: int = Field(default=512, ge=1)
    """Longest continuation of the rollout judge."""
    limits: Limits = Limits()

    @model_validator(mode="before")
    @classmethod
    def _choose_the_only_panel(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        fields = cast(dict[str, Any], given)
        panels: Any = fields.get("panels")
        if "panel" in fields or not isinstance(panels, dict) or len(cast(dict[str, Any], panels)) != 1:
            return fields
        return {**fields, "panel": next(iter(cast(dict[str, Any], panels)))}

    @model_validator(mode="after")
    def _can_judge(self) -> Self:
        if self.panel not in self.panels:
            raise ValueError(f"panel: {self.panel!r} is not among panels ({', '.join(self.panels)})")
        for name, panel in self.panels.items():
            if "rollout" in panel.panel and self.model is None:
                raise ValueError(f"panels.{name}: the rollout judge needs a model; name it by `model`")
        return self

    def with_paths_from(self, folder: Path) -> Self:
        """Make its paths absolute, taking relative ones as relative to a folder."""
        panels = {name: panel.with_paths_from(folder) for name, panel in self.panels.items()}
        model = (folder / self.model).resolve() if self.model is not None else None
        return self.model_copy(update={"panels": panels, "model": model})

    def check(self) -> None:
        """Look whether the files that it names are there; all that is read of them is read when it is needed.

        Raises:
            ConfigError: If one is not, or a calibration can't be read.
        """
        if self.model is not None and not (self.model / "config.json").is_file():
            raise ConfigError(
                f"model: {self.model}: no such model folder",
                hint="Give the path of one with config.json in it.",
            )
        for panel in self.panels.values():
            if panel.calibration is not None:
                read_calibration(panel.calibration)
