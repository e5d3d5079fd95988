"""A whole run on three nodes, one of which is killed: what it writes is what one machine writes."""

import json
import threading
from pathlib import Path

import pytest
from cluster import Nodes
from firstfault.cli.main import main
from firstfault.datasets.store import read_rows
from firstfault.loop.folder import RunFolder
from firstfault.models import BUNDLED

pytestmark = pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")

CONFIG = """
problems: {abacus: {mining: 48, held_out: 16, levels: [2]}}
variants: [{method: rtn, scheme: W2A16, group_size: 32}]
sampling: {max_tokens: 64}
judge: {samples: 1, injected: 10, shard_size: 8}
restore: {epochs: 1}
profiles: 4
batch_size: 8
threads: 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "loop.yaml"
    path.write_text(CONFIG)
    return path


def records(folder: Path) -> dict[str, list[dict]]:
    """All records of a run, by file."""
    found = sorted(path for path in folder.rglob("*.parquet") if "work" not in path.parts)
    return {str(path.relative_to(folder)): [row for _, row in read_rows(path)] for path in found}


def report(folder: Path) -> dict:
    """A run's figures, but for those that tell when and how fast they came about."""
    found = json.loads((folder / "report.json").read_text())
    for variant in found["variants"].values():
        del variant["seconds"]
    return {name: value for name, value in found.items() if name not in ("seconds", "created_at", "command")}


def test_a_run_on_three_nodes_makes_what_one_machine_makes(config: Path, tmp_path: Path, nodes: Nodes):
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["run", str(config), "--out", str(here)]) == 0
    killed = threading.Event()

    def kill() -> None:
        """Kill a node once the mining problems are being solved and some of that is done."""
        while not killed.wait(0.05):
            if len(list((there / "work/shards/rtn-w2g32.mining").rglob("shard-*.parquet"))) >= 2:
                nodes.kill()
                killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        ray = ("--executor", "ray", "--address", nodes.address)
        assert main(["run", str(config), "--out", str(there), *ray]) == 0
        assert killed.is_set()
    finally:
        killed.set()
        killer.join()
    found = records(here)
    assert {"solutions/rtn-w2g32.mining.parquet", "verdicts/rtn-w2g32.mining.parquet"} <= set(found)
    assert len(found["verdicts/rtn-w2g32.mining.parquet"]) > 8
    assert records(there) == found
    assert report(there) == report(here)
    assert not any(path.is_file() for path in RunFolder(there).path.glob("work/shards/**/*"))
