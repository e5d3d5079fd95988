"""The measure stage of a run with a real vLLM: killed in the middle, resumed, compared with transformers."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.annotate.compare import measure
from firstfault.datasets.errors import ConfigError
from firstfault.datasets.records import Split
from firstfault.loop.config import RunConfig
from firstfault.loop.folder import RunFolder
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.loop.stages import make_problems, quantize_variants, solve
from vllm_server import vllm_python
from vllm_stand_in import gone

pytestmark = pytest.mark.vllm
VARIANT = "rtn-w4g32"
_STAGE = """
import sys
from pathlib import Path
from firstfault.datasets.records import Split
from firstfault.loop.folder import RunFolder
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.loop.stages import solve
folder = RunFolder(Path(sys.argv[1]))
with Models(folder.read_config(), folder) as models:
    solve(models, folder, Reporter(), sys.argv[2], Split.HELD_OUT)
"""


def in_group(group: int) -> set[int]:
    """Processes of a process group."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            found.add(int(path.parent.name))
    return found


def test_a_measure_stage_that_is_killed_leaves_no_server_goes_on_and_agrees_with_transformers(tmp_path: Path):
    try:
        python = vllm_python()
    except ConfigError as error:
        pytest.skip(str(error))
    content = {
        "problems": {"abacus": {"mining": 5, "held_out": 150}},
        "variants": [{"method": "rtn", "scheme": "W4A16", "group_size": 32}],
        "engine": {"name": "vllm", "python": python, "concurrency": 16},
    }
    config, folder = RunConfig.model_validate(content), RunFolder(tmp_path / "run")
    folder.claim(config)
    reporter = Reporter()
    make_problems(config, folder)
    with Models(config, folder, reporter) as models:
        quantize_variants(models, folder, reporter)
    journal = folder.path / "work" / f"{VARIANT}.held_out.jsonl"

    command = [sys.executable, "-c", _STAGE, str(folder.path), VARIANT]
    with subprocess.Popen(command) as stage:
        while stage.poll() is None and not (journal.exists() and journal.stat().st_size):
            pass_time()
        assert stage.poll() is None
        (server,) = children(stage.pid)
        belonging = in_group(server)
        assert len(belonging) >= 3
        stage.send_signal(signal.SIGKILL)
    assert all(gone(pid) for pid in belonging)
    kept = journal.read_bytes().count(b"\n")
    assert 0 < kept < 150

    with Models(config, folder, reporter) as models:
        solve(models, folder, reporter, VARIANT, Split.HELD_OUT)
        (server,) = children("self")
        belonging = in_group(server)
    assert all(gone(pid) for pid in belonging)
    ours = folder.solutions(VARIANT, Split.HELD_OUT)
    assert not journal.exists()

    plain = RunFolder(tmp_path / "plain")
    plain_config = config.model_copy(update={"engine": RunConfig.model_fields["engine"].default})
    plain.claim(plain_config)
    plain.problems_path.symlink_to(folder.problems_path)
    plain.variant(VARIANT).parent.mkdir()
    plain.variant(VARIANT).symlink_to(folder.variant(VARIANT))
    with Models(plain_config, plain, reporter) as models:
        solve(models, plain, reporter, VARIANT, Split.HELD_OUT)
    theirs = plain.solutions(VARIANT, Split.HELD_OUT)
    assert [one.problem_id for one in ours] == [one.problem_id for one in theirs]
    same = sum(one.text == other.text for one, other in zip(ours, theirs, strict=True))
    assert same >= 0.95 * len(ours)
    assert abs(measure(ours).accuracy.value - measure(theirs).accuracy.value) <= 0.03
    print(json.dumps({"kept": kept, "same": same, "of": len(ours)}))


def children(pid: int | str) -> list[int]:
    """Servers among the children of a process: what leads a session of its own."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            if in_group(child):
                found.append(child)
    return found


def pass_time() -> None:
    """What a file system tells of a file that grows in another process takes a look at it."""
    signal.sigtimedwait([], 0.05)
