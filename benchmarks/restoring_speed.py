"""Time of an epoch of restoring, side by side: scales and adapter of ours against plain LoRA-DPO by TRL.

All train on the same pairs with the same batch, taking turns, so that whatever else the machine does falls on
all alike. Told is the median time per pair and epoch, and the median of each round's ratios. Loading is left
out: it is timed as a training of a single step.

    python benchmarks/restoring_speed.py CHECKPOINT --pairs examples/silver-bullet [--base FOLDER]
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median

import torch
from firstfault.datasets.records import Pair
from firstfault.models import BUNDLED
from firstfault.restore.config import RestoreConfig
from firstfault.restore.preference import train
from firstfault.restore.sources import read_source

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "silver-bullet"
PLAIN_DPO = {"rejected": "solution", "preference_weight": 1.0, "sft_weight": 0.0, "beta": 0.1}
WAYS: dict[str, dict[str, object]] = {
    "plain LoRA-DPO (TRL)": PLAIN_DPO,
    "scales, states": {"method": "scales", "target": "states"},
    "scales, tokens": {"method": "scales", "target": "token"},
    "adapter, states": {"target": "states"},
    "adapter, tokens": {"target": "token"},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pairs", default=str(EXAMPLE))
    parser.add_argument("--base", type=Path, default=BUNDLED)
    parser.add_argument("--size", type=int, default=64, help="pairs, the first ones")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    pairs = read_source(arguments.pairs).pairs[: arguments.size]
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(arguments.rounds + 1):
        for name, settings in WAYS.items():
            seconds = _epoch(arguments.checkpoint, pairs, settings, arguments.base, arguments.batch)
            # The first round warms everything up.
            if number:
                times[name].append(seconds / len(pairs))
    plain = times["plain LoRA-DPO (TRL)"]
    rows = [
        {
            "way": name,
            "seconds_per_pair": round(median(own), 4),
            "times_as_fast": round(median(one / other for one, other in zip(plain, own, strict=True)), 2),
        }
        for name, own in times.items()
    ]
    if arguments.json:
        print(json.dumps(rows))
        return
    for row in rows:
        spent, times = 1000 * float(row["seconds_per_pair"]), row["times_as_fast"]
        print(f"{row['way']:22} {spent:7.1f} ms a pair, {times} x as fast")


def _epoch(checkpoint: Path, pairs: list[Pair], settings: dict[str, object], base: Path, batch: int) -> float:
    teacher = base if settings.get("target") == "states" else None

    def seconds(pairs: list[Pair]) -> float:
        config = RestoreConfig.model_validate({**settings, "epochs": 1, "batch_size": batch})
        with tempfile.TemporaryDirectory() as scratch:
            return train(checkpoint, pairs, config, Path(scratch) / "out", teacher=teacher).seconds

    return max(0.0, seconds(pairs) - seconds(pairs[:1]))


if __name__ == "__main__":
    main()
