"""The configuration of a run: one YAML file, strict models, overrides by dotted key."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from ..annotate.engines.config import EngineConfig
from ..annotate.engines.engine import Sampling
from ..datasets.abacus import LARGEST, LEVELS
from ..datasets.config import Config
from ..datasets.errors import ConfigError
from ..datasets.problem_sets import problems_path
from ..datasets.problem_source import ProblemSource
from ..datasets.silver_bullet import CurateConfig
from ..judge.config import JudgeConfig
from ..quant.recipe_files import with_recipes
from ..quant.recipes import Recipe
from ..restore.config import RestoreConfig
from .benchmark import GateConfig
from .few_shot import RunPrompt
from .format_tuning import FormatTuning

C = TypeVar("C", bound=Config)

QUICKSTART = Path(__file__).parent / "quickstart.yaml"
"""What `firstfault quickstart` runs."""


class AbacusProblems(Config):
    """Problems that are generated."""

    mining: int = Field(default=900, ge=1)
    """Problems to find regressions on."""
    held_out: int = Field(default=600, ge=1)
    """Problems to measure on; never mined."""
    seed: int = 0
    """Of their making."""
    levels: tuple[int, ...] = LEVELS
    """Numbers of steps, from 2 to 8."""
    largest: int = Field(default=LARGEST, ge=100)
    """Largest number that occurs."""
    distractors: int = Field(default=2, ge=0, le=8)
    """Most sentences per problem whose numbers must not be used."""


class ProblemFiles(Config):
    """Problems of the user's own, as `firstfault.datasets.problem_sets.load_problems` reads them."""

    mining: Path
    """Problems to find regressions on."""
    held_out: Path
    """Problems to measure on; what is also here is removed from mining."""


class ProblemSets(Config):
    """Known sets, datasets on the Hub and tables with a column mapping; one or a list for each split."""

    mining: tuple[ProblemSource, ...] = Field(min_length=1)
    """Problems to find regressions on."""
    held_out: tuple[ProblemSource, ...] = Field(min_length=1)
    """Problems to measure on; what is also here is removed from mining."""

    @field_validator("mining", "held_out", mode="before")
    @classmethod
    def _read_one(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str | dict | ProblemSource) else given


class Problems(Config):
    """Where problems come from: one of `abacus`, `files` and `sets`."""

    abacus: AbacusProblems | None = None
    files: ProblemFiles | None = None
    sets: ProblemSets | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.abacus, self.files, self.sets)) != 1:
            raise ValueError("give either abacus or files or sets")
        return self

    @property
    def title(self) -> str:
        """What the held-out problems are called."""
        if self.sets is not None:
            return " and ".join(dict.fromkeys(source.title for source in self.sets.held_out))
        return "abacus" if self.abacus else "problems from files"

    def with_paths_from(self, folder: Path) -> Self:
        """Make paths absolute, taking relative ones as relative to `folder`; names of known sets stay."""
        if self.files is not None:
            files = ProblemFiles(
                mining=problems_path(self.files.mining, folder),
                held_out=problems_path(self.files.held_out, folder),
            )
            return self.model_copy(update={"files": files})
        if self.sets is not None:
            splits = {
                split: tuple(source.with_paths_from(folder) for source in getattr(self.sets, split))
                for split in ("mining", "held_out")
            }
            return self.model_copy(update={"sets": self.sets.model_copy(update=splits)})
        return self


class RunConfig(Config):
    """Everything a run does."""

    model: Path | None = None
    """Folder of the full-precision model; the bundled one when left out."""
    problems: Problems = Problems(abacus=AbacusProblems())
    prompt: RunPrompt = RunPrompt()
    format_tuning: FormatTuning | None = None
    """Teach full precision the step format before anything is quantized; not done when left out."""
    sampling: Sampling = Sampling(max_tokens=320)
    """How solutions are generated, the same for every model."""
    engine: EngineConfig = EngineConfig()
    """What they are generated with."""
    variants: tuple[Recipe, ...] = Field(min_length=1)
    """Quantized versions to make and measure."""
    headline: str | None = None
    """Name of the variant to mine and restore, such as `rtn-w2g32`; the first when left out."""
    judge: JudgeConfig = JudgeConfig()
    curate: CurateConfig = CurateConfig()
    restore: RestoreConfig = RestoreConfig()
    gate: GateConfig = GateConfig()
    """What the restored model must not have lost; else it is rejected."""
    profiles: int = Field(default=200, ge=0)
    """Regressions of each split whose divergence from full precision is computed, drawn by chance where there
    are more; besides them the examples of the report. 0 computes none."""
    batch_size: int = Field(default=128, ge=1)
    """Solutions that are generated together."""
    threads: int = Field(default=2, ge=1)
    """Processor threads; results are the same for the same number only."""
    seed: int = 0
    """Of everything that has no seed of its own."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [recipe.name for recipe in self.variants]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise ValueError(f"variants: two are {sorted(doubled)[0]}")
        if self.headline is not None and self.headline not in names:
            raise ValueError(f"headline: {self.headline!r} is not a variant; there are {', '.join(names)}")
        return self

    @property
    def main(self) -> Recipe:
        """The variant that is mined and restored."""
        wanted = self.headline or self.variants[0].name
        return next(recipe for recipe in self.variants if recipe.name == wanted)


def read_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run's YAML file.

    Args:
        path: The file. Relative paths in it are relative to its folder.
        overrides: `key.key=value`, the value as YAML; they win over the file.

    Raises:
        ConfigError: If the file is missing, is not YAML, or holds an unknown key or impossible value.
    """
    content = read_yaml(path)
    for override in overrides:
        _override(content, override)
    config = parse_config(with_recipes(content, path.parent), RunConfig, str(path))
    return resolve_paths(config, path.parent)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigError: If the file is missing or is no such file.
    """
    import yaml

    if not path.is_file():
        raise ConfigError(f"{path}: no such file", hint="Give the path of a YAML configuration.")
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not YAML: {line}", hint="Mend the line that is named.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: not a mapping", hint="See examples/ for a configuration.")
    return cast(dict[str, Any], content)


def parse_config(content: dict[str, Any], kind: type[C], where: str, overrides: Sequence[str] = ()) -> C:
    """Validate a configuration.

    Raises:
        ConfigError: One line that names `where`, the field, the value and the mend.
    """
    for override in overrides:
        _override(content, override)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _config_error(error, kind, where) from None


def resolve_paths(config: RunConfig, folder: Path) -> RunConfig:
    """Make the paths of a configuration absolute, taking relative ones as relative to `folder`."""
    changes: dict[str, Any] = {}
    if config.model is not None:
        changes["model"] = (folder / config.model).resolve()
    if config.engine.python is not None:
        # Not resolved: an environment's interpreter is a link, and what it links to knows no environment.
        python = (folder / config.engine.python).absolute()
        changes["engine"] = config.engine.model_copy(update={"python": python})
    changes["problems"] = config.problems.with_paths_from(folder)
    if config.prompt.few_shot is not None:
        few_shot = config.prompt.few_shot.with_paths_from(folder)
        changes["prompt"] = config.prompt.model_copy(update={"few_shot": few_shot})
    if config.format_tuning is not None:
        changes["format_tuning"] = config.format_tuning.with_paths_from(folder)
    changes["judge"] = config.judge.with_paths_from(folder)
    benchmarks = tuple(problems_path(path, folder) for path in config.curate.benchmarks)
    changes["curate"] = config.curate.model_copy(update={"benchmarks": benchmarks})
    changes["gate"] = config.gate.with_paths_from(folder)
    return config.model_copy(update=changes)


def write_config(config: RunConfig) -> str:
    """The resolved configuration as YAML."""
    import yaml

    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _override(content: dict[str, Any], override: str) -> None:
    import yaml

    key, sign, value = override.partition("=")
    if not sign or not key:
        raise ConfigError(f"override {override!r}: no `=`", hint="Write it as key.key=value.")
    *parents, last = key.split(".")
    place = content
    for parent in parents:
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"override {override!r}: {parent} has no keys", hint="Override it whole.")
        place = cast(dict[str, Any], inner)
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"override {override!r}: the value is not YAML", hint="Quote it.") from None


def _config_error(error: ValidationError, kind: type[Config], where: str) -> ConfigError:
    first = error.errors()[0]
    # What is wrong with the whole has no place.
    field = ".".join(str(part) for part in first["loc"])
    place = f"{where}: {field}" if field else where
    if first["type"] == "extra_forbidden":
        known = _fields_at(kind, first["loc"][:-1])
        close = get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"Did you mean `{close[0]}`?" if close else f"Known keys are: {', '.join(known)}."
        return ConfigError(f"{place}: unknown key", hint=hint)
    if first["type"] == "missing":
        return ConfigError(f"{place}: missing", hint=f"Add it; see {kind.GUIDE}.")
    reason = first["msg"].removeprefix("Value error, ")
    value = first["input"]
    said = "" if isinstance(value, dict | list | Config) else f", got {value!r}"
    return ConfigError(f"{place}: {reason}{said}", hint=f"See {kind.GUIDE}.")


def _fields_at(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Keys of the model that a validation error's place leads to."""
    found: Any = kind
    for part in place:
        if isinstance(part, str) and part in getattr(found, "model_fields", {}):
            annotation: Any = found.model_fields[part].annotation
            found = next((kind for kind in _kinds(annotation) if hasattr(kind, "model_fields")), found)
    return list(found.model_fields)


def _kinds(annotation: Any) -> Iterator[Any]:
    """An annotation and what it is made of, to any depth."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _kinds(part)
