"""The server's environment, without installing it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.annotate.argilla.server import environment
from firstfault.datasets.errors import ConfigError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that finds no packages."""
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FIRSTFAULT_CACHE", str(tmp_path))
    return tmp_path


def test_every_version_is_pinned_and_no_installer_is_among_them():
    names = [line.split("==")[0] for line in environment.packages()]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in environment.packages())
    assert "argilla-server==2.8.0" in environment.packages()
    assert len(set(names)) == len(names)
    assert not {"pip", "uv"} & set(names)


def test_an_installation_that_fails_says_why_and_what_to_do_and_leaves_nothing(cache: Path):
    with pytest.raises(ConfigError) as caught:
        environment.environment().ensure(lambda done, what: None)
    assert "argilla-server can't be installed: ERROR: No matching distribution found for aiofiles" in str(
        caught.value
    )
    assert "ARGILLA_API_URL" in caught.value.hint
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_half_made_environment_is_never_used(cache: Path):
    target = environment.environment().path
    half = cache / ".building-killed"
    for folder in (half, target):
        (folder / "bin").mkdir(parents=True)
    # As after a start that was killed, and after the machine's Python was replaced.
    (half / "bin" / "python").symlink_to(sys.executable)
    (target / "bin" / "python").symlink_to(cache / "gone")
    with pytest.raises(ConfigError, match="No matching distribution"):
        environment.environment().ensure(lambda done, what: None)
    assert not half.exists()
    assert not target.exists()


def test_another_lock_or_another_python_is_another_environment(cache: Path, monkeypatch: pytest.MonkeyPatch):
    before = environment.environment().path
    assert before.parent == cache
    assert before.name.endswith(f"-py{sys.version_info[0]}.{sys.version_info[1]}")
    other = cache / "lock.txt"
    other.write_text(environment.LOCK.read_text().replace("argilla-server==2.8.0", "argilla-server==2.9.0"))
    monkeypatch.setattr(environment, "LOCK", other)
    assert environment.environment().path != before


def test_a_cache_that_can_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FIRSTFAULT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError) as caught:
        environment.environment().ensure(lambda done, what: None)
    assert "FIRSTFAULT_CACHE" in caught.value.hint


def test_what_runs_inside_is_never_imported_by_us():
    code = "import sys, firstfault.annotate.argilla.server.process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "firstfault.annotate.argilla.server.process" in loaded
    assert not [name for name in loaded if ".inside" in name or name.startswith("argilla")]
    inside = Path(environment.__file__).with_name("inside")
    assert inside.is_dir()
    ours = re.compile(r"^(from|import) (firstfault|\.)", re.MULTILINE)
    assert not [path for path in inside.glob("*.py") if ours.search(path.read_text())]
