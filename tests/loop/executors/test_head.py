"""What is said when a cluster's head is lost."""

import subprocess
import sys
from pathlib import Path

import pytest
from squares import Square

pytest.importorskip("ray", reason="needs the extra `ray`")
from cluster import Nodes

SCRIPT = """
import sys
from pathlib import Path
from firstfault.loop.executors.ray import RayExecutor
from squares import Square, numbers
with RayExecutor(sys.argv[2], sys.argv[1]) as executor:
    list(executor.map("squares", Square(Path(sys.argv[3]), seconds=2.0), numbers(300, 1)))
"""


def test_a_lost_head_ends_the_command_with_a_line(tmp_path: Path):
    notes = tmp_path / "notes"
    tests = Path(__file__).parents[2]
    with Nodes() as nodes:
        address = nodes.address
        command = [sys.executable, "-c", SCRIPT, nodes.address, str(tmp_path / "at"), str(notes)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tests)
        while not any(name.isdigit() for name in Square(notes).done()):
            assert process.poll() is None
        nodes.kill_head()
        _, said = process.communicate(timeout=180)
    assert process.returncode != 0
    (line,) = [one for one in said.splitlines() if one.startswith("error: ")]
    assert address in line
    assert "the same command" in line
