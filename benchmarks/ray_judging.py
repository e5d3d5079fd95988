"""Whether a Ray cluster judges as one machine does: record by record, also with a node killed in the middle.

Abacus solutions, every other one with a planted fault, are judged symbolically: by `firstfault judge` in one
process, by three nodes of a Ray cluster, and by three of which one is killed with SIGKILL once half of the
shards are there. The nodes are processes of this machine, with one processor each: on few cores the rates
say what shards and Ray cost, not what more machines bring.

    python benchmarks/ray_judging.py [--items 100000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Split

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

COMMAND = [sys.executable, "-m", "firstfault.cli.main", "judge"]
_DISTINCT = 2000
_NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}


def write_solutions(path: Path, count: int) -> None:
    rows: list[dict[str, object]] = []
    for number, problem in enumerate(generate(Split.HELD_OUT, _DISTINCT, seed=0)):
        faulty = inject(problem, 0, ErrorType.EXECUTION, seed=number) if number % 2 else None
        solution = faulty.solution if faulty else right_solution(problem)
        rows.append({"problem": problem.question, "answer": problem.answer, "steps": solution.steps})
    with path.open("w", encoding="utf-8") as file:
        for number, row in zip(range(count), cycle(rows), strict=False):
            file.write(json.dumps({"id": f"s{number}", **row}) + "\n")


def shards(folder: Path) -> dict[Path, int]:
    """When each finished shard was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("shard-*.parquet")}


def judge(arguments: list[str], folder: Path, at: int | None = None, kill: Any = None) -> float:
    """Seconds that a command takes; `kill` is called once `at` shards are in the folder."""
    start = time.monotonic()
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL) as process:
        there: dict[Path, int] = {}
        while process.poll() is None:
            if at is not None and len(there := shards(folder)) >= at:
                kill()
                print(f"a node is killed with {len(there)} shards there", flush=True)
                at = None
            time.sleep(0.2)
        seconds = time.monotonic() - start
    assert process.returncode == 0, process.returncode
    if kill is not None:
        assert at is None, "it was over before a node was killed"
        now = shards(folder)
        again = sum(now[path] != written for path, written in there.items())
        print(f"of these, {again} were written again; {len(now)} at the end")
    return seconds


def compare(one: Path, other: Path) -> None:
    rows, others = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in (one, other)
    )
    unequal = sum(a != b for a, b in zip(rows, others, strict=True))
    print(f"{other.stem}: {len(others)} records, {unequal} unlike {one.stem}'s", flush=True)
    assert not unequal


def main() -> None:
    from ray.cluster_utils import Cluster

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    items = parser.parse_args().items
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, whole = folder / "solutions.jsonl", folder / "one_process.jsonl"
        write_solutions(file, items)
        seconds = judge([str(file), "--out", str(whole)], folder)
        print(f"one process: {items} in {seconds:.1f} s ({items / seconds:.0f}/s)", flush=True)
        cluster: Any = Cluster(initialize_head=True, head_node_args=_NODE)
        try:
            lost, _ = (cluster.add_node(**_NODE) for _ in range(2))
            cluster.wait_for_nodes()
            ray = ["--executor", "ray", "--address", cluster.address]
            parts = -(-items // 1024)

            def kill() -> None:
                cluster.remove_node(lost, allow_graceful=False)

            for title, at, die in (("three_nodes", None, None), ("one_killed", parts // 2, kill)):
                out, place = folder / f"{title}.jsonl", folder / title
                seconds = judge([str(file), *ray, "--shards", str(place), "--out", str(out)], place, at, die)
                print(f"{title}: {items} in {seconds:.1f} s ({items / seconds:.0f}/s)")
                compare(whole, out)
        finally:
            cluster.shutdown()


if __name__ == "__main__":
    main()
