"""The command that measures which modules of a run's variant are fragile."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..datasets.errors import ConfigError
from .options import Json, tell
from .runs import RunPath

if TYPE_CHECKING:
    from ..loop.sensitivity import Sensitivity

_MOST_SHOWN = 8


def sensitivity(
    path: RunPath,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Bits per weight: also write mixed.yaml, a recipe of that size which keeps the most "
            "fragile modules.",
            show_default=False,
        ),
    ] = None,
    keep_bits: Annotated[int, typer.Option(help="Of the kept modules: 8 or 16.")] = 8,
    apart: Annotated[
        bool, typer.Option("--apart", help="Choose q, k, v, gate and up apart, which vLLM can't serve.")
    ] = False,
    pairs: Annotated[int, typer.Option(min=1, help="Most pairs to measure on; a sample.")] = 64,
    pairs_from: Annotated[
        Path | None, typer.Option(help="File of pairs; the run's own when left out.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure which modules of a run's headline variant cost the margin at the first fault."""
    import torch

    from ..loop.folder import RunFolder
    from ..loop.progress import Reporter
    from ..loop.sensing import MIXED_NAME, measure_sensitivity, write_mixed
    from ..loop.summary import renew_report
    from ..quant.mixed import bits_per_weight
    from ..quant.sensitivity import Module

    folder = RunFolder(path)
    config = folder.read_config()
    own = config.main.bits_per_weight
    if budget is not None and budget <= own:
        raise ConfigError(
            f"--budget {budget:g}: {config.main.name} itself has {own:g} bits per weight",
            hint=f"Give more than {own:g}",
        )
    if keep_bits not in (8, 16):
        raise ConfigError(f"--keep-bits {keep_bits}: not 8 or 16", hint="Give one of them")
    # Processors are slow with numbers next to zero. Before any thread starts: threads take it over.
    torch.set_flush_denormal(True)
    torch.set_num_threads(config.threads)
    with folder.locked("sensitivity"):
        found = measure_sensitivity(config, folder, Reporter(), source=pairs_from, most=pairs)
        told = found.model_dump(mode="json")
        lines = _lines(found)
        if budget is not None:
            recipe = write_mixed(config, folder, found, budget, bits=keep_bits, fused=not apart)
            modules = [Module(one.name, one.layer, one.kind, one.weights) for one in found.modules]
            size = bits_per_weight(recipe, modules)
            told["mixed"] = {"recipe": recipe.model_dump(mode="json"), "bits_per_weight": size}
            kept = recipe.keep.layers if recipe.keep else recipe.ignore[1:]
            lines.append(
                f"{path / MIXED_NAME}: {len(kept)} modules at {keep_bits} bits, {size:.3f} bits per weight. "
                f"Make it: firstfault quantize MODEL --recipe {path / MIXED_NAME} --out FOLDER"
            )
        report = renew_report(config, folder)
    if report is not None:
        lines.append(str(report))
    tell(as_json, told, "\n".join(lines))


def _lines(found: "Sensitivity") -> list[str]:
    loss = found.loss
    lines = [
        f"{found.variant}: {loss.value:.2f} nats of margin lost ({loss.low:.2f} to {loss.high:.2f}) "
        f"on {found.pairs} of {found.of} pairs. Most fragile modules, nats regained by restoring one alone:"
    ]
    for one in sorted(found.modules, key=lambda one: -one.regained.value)[:_MOST_SHOWN]:
        back, lost = one.regained, one.lost
        lines.append(
            f"  {one.name:<32} {back.value:+.2f} ({back.low:+.2f} to {back.high:+.2f}), "
            f"lost by quantizing it alone {lost.value:+.2f}"
        )
    return lines
