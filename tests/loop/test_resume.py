"""Runs are killed for real, at random moments, and must end as if nothing had happened."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError
from firstfault.loop.config import RunConfig, parse_config
from firstfault.models import BUNDLED

KILLS = 20
CHAINS = 2
"""Runs that are killed and resumed side by side."""
SMALL = {
    "problems": {"abacus": {"mining": 32, "held_out": 8, "levels": [2]}},
    "variants": [{"method": "rtn", "scheme": "W2A16", "group_size": 32}],
    "sampling": {"max_tokens": 64},
    "judge": {"samples": 1, "injected": 10},
    "restore": {"epochs": 1},
    "batch_size": 8,
    "threads": 1,
}

pytestmark = pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")


def small_config() -> RunConfig:
    return parse_config(dict(SMALL), RunConfig, "small")


def go(folder: Path) -> None:
    """What the killed processes do; at module level so that they can be started."""
    from firstfault.loop.run import run

    run(small_config(), folder)


@pytest.fixture(scope="module")
def starter():
    """Starts processes from a server that has the heavy imports behind it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["firstfault.loop.run", "llmcompressor", "trl", "peft"])
    return context


def start(context, folder: Path):
    process = context.Process(target=go, args=(folder,))
    process.start()
    return process


def contents(folder: Path) -> dict[str, bytes]:
    """All that a run made, times aside."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in ("**/*.parquet", "**/*.safetensors", "facts/*.json", "restored/*/*.json")
        for path in sorted(folder.glob(pattern))
        if path.name != "seconds.json"
    }
    for name, content in found.items():
        if name.startswith("facts/quantize-"):
            facts = json.loads(content)
            del facts["seconds"]
            found[name] = json.dumps(facts).encode()
    report = json.loads((folder / "report.json").read_text())
    for timed in ("seconds", "created_at", "command"):
        report.pop(timed)
    for variant in report["variants"].values():
        variant.pop("seconds")
    return {**found, "report.json": json.dumps(report).encode()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, starter) -> tuple[Path, float]:
    """A run that nobody has disturbed, and how many seconds it took."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    started = time.monotonic()
    process = start(starter, folder)
    process.join()
    assert process.exitcode == 0
    return folder, time.monotonic() - started


def test_who_goes_on_with_a_run_by_its_own_folder_has_not_made_it_so(finished: tuple[Path, float]):
    folder, _ = finished
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "command": "firstfault run mine.yaml"}))
    command = [sys.executable, "-m", "firstfault.cli.main", "run", str(folder / "config.yaml")]
    subprocess.run([*command, "--out", str(folder), "--until", "recover"], check=True, capture_output=True)
    after = json.loads((folder / "report.json").read_text())
    assert after["command"] == "firstfault run mine.yaml"
    assert after["created_at"] != report["created_at"]


def test_a_run_killed_at_random_moments_ends_with_the_same_bytes(
    tmp_path: Path, starter, finished: tuple[Path, float]
):
    reference, takes = finished
    expected = contents(reference)
    assert any(name.startswith("restored/") for name in expected)

    def kill_and_resume(chain: int) -> None:
        rng = random.Random(chain)
        kills = runs = 0
        while kills < KILLS // CHAINS:
            folder = tmp_path / f"killed-{chain}-{runs}"
            process = start(starter, folder)
            process.join(timeout=rng.uniform(0, 0.7 * takes))
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGKILL)
                process.join()
            # It may have ended by itself just before.
            if process.exitcode == -signal.SIGKILL:
                kills += 1
            else:
                assert process.exitcode == 0
                assert contents(folder) == expected
                runs += 1
        folder = tmp_path / f"killed-{chain}-{runs}"
        last = start(starter, folder)
        last.join()
        assert last.exitcode == 0
        assert contents(folder) == expected
        left = [path for path in folder.rglob("*") if path.name.startswith(".") and path.name != ".lock"]
        assert not left

    # Each run computes on one core.
    with ThreadPoolExecutor(CHAINS) as chains:
        list(chains.map(kill_and_resume, range(CHAINS)))


def test_a_folder_of_another_configuration_is_refused(tmp_path: Path):
    from firstfault.loop.folder import RunFolder

    RunFolder(tmp_path).claim(small_config())
    other = parse_config({**SMALL, "seed": 1}, RunConfig, "small")
    with pytest.raises(ConfigError, match="another configuration \\(seed differ"):
        RunFolder(tmp_path).claim(other)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path):
    from firstfault.loop.folder import RunFolder

    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="not of a run"):
        RunFolder(tmp_path).claim(small_config())


def test_two_runs_in_one_folder_are_refused(tmp_path: Path):
    from firstfault.loop.folder import RunFolder

    second = RunFolder(tmp_path).locked()
    with RunFolder(tmp_path).locked(), pytest.raises(ConfigError, match="another run is at work"), second:
        pass


def test_what_a_kill_left_half_written_is_swept_but_not_what_reviews_are_writing(tmp_path: Path):
    from firstfault.loop.folder import RunFolder

    for name in ("solutions/.rtn.mining.parquet.x1y2.parquet", "reviews/.rtn.parquet.x1y2.parquet", ".lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    (tmp_path / "variants" / ".rtn.x1y2").mkdir(parents=True)
    (tmp_path / "solutions" / "rtn.parquet").write_text("whole")
    RunFolder(tmp_path).sweep()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == [".lock", "reviews/.rtn.parquet.x1y2.parquet", "solutions/rtn.parquet"]
    assert not list((tmp_path / "variants").iterdir())
