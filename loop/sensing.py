"""Measuring the sensitivity of a run's headline variant, and writing the mixed precision that follows."""

import time
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from ..annotate.engines.loading import load_model
from ..datasets.errors import ConfigError, InputError, ModelError
from ..datasets.records import Pair
from ..datasets.store import file_sha256, read_records, write_text
from ..quant.formats.loading import load_unpacked
from ..quant.mixed import mixed_recipe
from ..quant.recipes import Recipe
from ..quant.sensitivity import Module, measure_effects, passes
from ..restore.margins import pair_batches
from .config import RunConfig
from .folder import RunFolder
from .models import Models
from .progress import Reporter
from .sensitivity import Sensitivity, sum_up

MIXED_NAME = "mixed.yaml"
_MARK = "\u241f"


def measure_sensitivity(
    config: RunConfig,
    folder: RunFolder,
    reporter: Reporter,
    *,
    source: Path | None = None,
    most: int,
) -> Sensitivity:
    """Measure how much each module of the headline variant costs, or read what is measured already.

    Args:
        config: The run's.
        folder: A run with its pairs. `sensitivity.json` is written there.
        reporter: Where progress is shown.
        source: File of pairs; the run's own when left out.
        most: Pairs to measure on at most; a sample by the run's seed.

    Raises:
        InputError: If there are no pairs, or they were made with another tokenizer or template.
        ConfigError: If the variant quantizes activations.
        ModelError: If a model can't be loaded or the variant can't be taken apart.
    """
    recipe = config.main
    if recipe.bits.activation_bits < 16:
        raise ConfigError(
            f"{recipe.name}: quantizes activations, which no single module's weights account for",
            hint="Measure a variant whose scheme ends in A16.",
        )
    path = source or folder.pairs_path(recipe.name)
    if not path.is_file():
        raise InputError(
            f"{path}: no such file of pairs", hint="Finish the run first, or give a file with --pairs-from."
        )
    sha256 = file_sha256(path)
    there = read_sensitivity(folder)
    if (
        there is not None
        and (there.variant, there.sha256, there.seed) == (recipe.name, sha256, config.seed)
        and there.pairs + there.left_out == min(most, there.of)
    ):
        return there
    pairs = read_records(path, Pair)
    if not pairs:
        raise InputError(f"{path}: no pairs", hint="Make some with `firstfault curate`.")
    chosen = pairs if len(pairs) <= most else Random(config.seed).sample(pairs, most)
    started = time.perf_counter()
    models = Models(config, folder)
    full, tokenizer = load_model(models.base, dtype=_dtype(), unpack=load_unpacked)
    rounded, other = load_model(folder.variant(recipe.name), dtype=_dtype(), unpack=load_unpacked)
    if tokenizer.get_vocab() != other.get_vocab():
        raise ModelError(
            f"{recipe.name}: its tokenizer is not the full-precision model's",
            hint="Quantize the model again: `firstfault run` makes what is missing.",
        )
    _check_prompts(pairs, tokenizer, config, path)
    parts = [batch.margins for batch in pair_batches(full, tokenizer, chosen)]
    if not parts:
        raise InputError(f"{path}: no pair fits into the model's context", hint="Give shorter ones.")
    with reporter.task(f"Exchanging modules: {recipe.name}", total=passes(full, parts)) as done:
        effects = measure_effects(full, rounded, parts, done)
    found = sum_up(
        effects,
        variant=recipe.name,
        of=len(pairs),
        left_out=len(chosen) - len(effects.full_precision),
        sha256=sha256,
        seed=config.seed,
        seconds=time.perf_counter() - started,
    )
    write_text(folder.sensitivity_path, found.model_dump_json(indent=2) + "\n")
    return found


def read_sensitivity(folder: RunFolder) -> Sensitivity | None:
    """Read what was measured; `None` where nothing was.

    Raises:
        InputError: If the file is not one of ours.
    """
    path = folder.sensitivity_path
    if not path.is_file():
        return None
    try:
        return Sensitivity.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"{path}: not a sensitivity: {field or 'not JSON'}",
            hint="Remove it and measure anew: `firstfault sensitivity`.",
        ) from None


def write_mixed(
    config: RunConfig, folder: RunFolder, found: Sensitivity, budget: float, *, bits: int, fused: bool
) -> Recipe:
    """Write the headline variant's recipe with its most fragile modules kept, as `mixed.yaml`.

    Args:
        config: The run's.
        folder: Where it goes.
        found: How fragile each module is.
        budget: Bits per weight of the result, scales counted.
        bits: Of the kept modules, 8 or 16.
        fused: Keep together what servers compute together: q with k and v, gate with up.

    Raises:
        ConfigError: If the budget is below the variant's own size, or leaves no room.
    """
    import yaml

    modules = [Module(one.name, one.layer, one.kind, one.weights) for one in found.modules]
    values = {one.name: one.regained.value for one in found.modules}
    recipe = mixed_recipe(config.main, modules, values, budget, bits=bits, fused=fused)
    told: dict[str, Any] = recipe.model_dump(mode="json", exclude_defaults=True)
    write_text(folder.path / MIXED_NAME, yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
    return recipe


def _check_prompts(pairs: list[Pair], tokenizer: Any, config: RunConfig, path: Path) -> None:
    """A prompt of another template, or of another tokenizer's special tokens, would be measured as noise."""
    before, _, after = config.prompt.render(tokenizer, _MARK).partition(_MARK)
    for pair in pairs:
        if not (pair.prompt.startswith(before) and after in pair.prompt):
            raise InputError(
                f"{path}: pair {pair.id} was not made with this model's tokenizer and chat template",
                hint="Measure with pairs of this variant: `firstfault curate` makes them.",
            )


def _dtype() -> str:
    import torch

    # As margins are always measured: on processors bfloat16 rounds by more than a nat.
    return "auto" if torch.cuda.is_available() else "float32"
