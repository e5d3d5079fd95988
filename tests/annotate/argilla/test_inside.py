"""What runs inside the server's environment, tried there without a server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from firstfault.annotate.argilla.server.process import INSIDE

COUNT = 5000


@pytest.fixture(scope="module")
def result(server_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = Path(__file__).with_name("run_inside.py")
    command = [str(server_python), str(script), str(INSIDE), str(COUNT), "250"]
    folder = tmp_path_factory.mktemp("inside")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_pages_of_5000_records_never_overlap_and_leave_nothing_out(result: dict[str, Any]):
    orders, every = result["orders"], list(range(COUNT))
    for name in ("as_they_came", "one_reviewer", "another", "by_level", "by_time"):
        assert sorted(orders[name]) == every, name
    assert orders["one_reviewer"] != orders["another"]
    levels = [number % 7 for number in orders["by_level"]]
    assert levels == sorted(levels, reverse=True)
    assert sorted(orders["of_level_3"]) == [number for number in every if number % 7 == 3]
    assert sorted(orders["above_4"]) == [number for number in every if number % 7 >= 5]
    assert sorted(orders["with_99"]) == [number for number in every if "99" in str(number)]
    assert result["progress"] == {"total": COUNT, "pending": COUNT}


def test_the_database_writes_ahead_and_waits_for_the_disk(result: dict[str, Any]):
    assert (result["journal"], result["synchronous"]) == ("wal", 2)


def test_a_new_file_of_credentials_replaces_those_of_the_owner(result: dict[str, Any]):
    first, second, again = result["owners"]
    assert first == {"keys": ["first"], "accepted": ["first password"]}
    assert second == again == {"keys": ["second"], "accepted": ["second password"]}
