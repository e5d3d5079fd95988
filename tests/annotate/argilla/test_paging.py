import json
import subprocess
from pathlib import Path

from firstfault.annotate.argilla.server.process import INSIDE

COUNT = 5000


def test_pages_of_5000_records_never_overlap_and_leave_nothing_out(server_python: Path, tmp_path: Path):
    script = Path(__file__).with_name("paging.py")
    command = [str(server_python), str(script), str(INSIDE), str(COUNT), "250"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
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
    # A crash, and a power cut, lose nothing that was accepted.
    assert (result["journal"], result["synchronous"]) == ("wal", 2)
