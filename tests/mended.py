"""A quantized model of a few thousand parameters, restored: what publishing a model starts from."""

from collections.abc import Sequence
from pathlib import Path

from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import right_solution
from firstfault.datasets.records import Pair, Problem, Split
from firstfault.datasets.store import write_records
from firstfault.quant.quantize import quantize
from firstfault.quant.recipes import Recipe
from firstfault.restore.card import write_card
from firstfault.restore.config import RestoreConfig
from firstfault.restore.gate import Gate
from firstfault.restore.preference import train
from firstfault.restore.restoration import Restoration
from firstfault.restore.sources import read_source

BRIEFLY = RestoreConfig(epochs=3, rank=4, batch_size=2, learning_rate=0.01, targets=("q_proj", "v_proj"))


def pairs_of(problems: Sequence[Problem]) -> list[Pair]:
    """One pair a problem: its right solution, against one that gives an answer only."""
    return [
        Pair(
            prompt=f"<|im_start|>user\n{problem.question}<|im_end|>\n<|im_start|>assistant\n",
            chosen=right_solution(problem).text,
            rejected="Answer: 0",
            problem_id=problem.id,
            solution_id=f"s{number}",
            model="rtn-w3",
            step=0,
            steps=1,
        )
        for number, problem in enumerate(problems)
    ]


def own_pairs(count: int = 2) -> list[Pair]:
    return pairs_of(generate(Split.MINING, count, levels=(2,), seed=1))


def mend(model: Path, folder: Path) -> tuple[Path, Path]:
    """Quantize a model and restore it; return the folders of the checkpoint and of the adapter."""
    checkpoint, adapter = folder / "rtn-w3", folder / "adapter"
    quantize(model, Recipe(method="rtn", scheme="W3A16"), [], checkpoint)
    write_records(folder / "pairs.jsonl", own_pairs())
    origin = read_source(str(folder / "pairs.jsonl"))
    train(checkpoint, origin.pairs, BRIEFLY, adapter)
    write_card(adapter, Restoration.of(origin, checkpoint="rtn-w3", base="tiny", licence="Apache 2.0"))
    return checkpoint, adapter


def mend_in_place(checkpoint: Path, folder: Path, gate: Gate | None = None) -> Path:
    """Restore a checkpoint by its scales; return the folder of the new one."""
    write_records(folder / "pairs.jsonl", own_pairs())
    origin = read_source(str(folder / "pairs.jsonl"))
    config = RestoreConfig(method="scales", epochs=3, batch_size=2, learning_rate=0.01)
    restored = train(checkpoint, origin.pairs, config, folder / "restored").folder
    made = Restoration.of(origin, checkpoint=checkpoint.name, base="tiny", licence="Apache 2.0", gate=gate)
    write_card(restored, made)
    return restored
