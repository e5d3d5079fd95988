import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
NOT_PACKAGES = {"benchmarks", "build", "dist", "docs", "examples", "runs", "tests"}
HEAVY = (
    "torch",
    "transformers",
    "llmcompressor",
    "trl",
    "peft",
    "datasets",
    "pyarrow",
    "scipy",
    "sklearn",
    "sympy",
    "openai",
    "aiohttp",
)


def run(*command, cwd=ROOT):
    # PYTHONSAFEPATH would keep the current folder off the path, and with it what is tested here.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def package_folders():
    """Every folder that holds Python files and is neither hidden nor beside the package."""
    tops = [p for p in ROOT.iterdir() if p.is_dir() and p.name not in NOT_PACKAGES and p.name[0] not in "._"]
    folders = set(tops) | {p for top in tops for p in top.rglob("*") if p.is_dir()}
    return sorted(
        folder.relative_to(ROOT).as_posix()
        for folder in folders
        if not folder.name.endswith(("__pycache__", ".egg-info")) and list(folder.glob("*.py"))
    )


def test_every_package_folder_is_listed_and_mapped():
    names = {"firstfault." + folder.replace("/", "."): folder for folder in package_folders()}
    assert set(SETUPTOOLS["packages"]) == set(names)
    assert SETUPTOOLS["package-dir"] == names


def test_only_datasets_is_a_namespace_folder():
    without = [folder for folder in package_folders() if not (ROOT / folder / "__init__.py").exists()]
    assert without == ["datasets"]


def test_the_package_is_one_floor_per_folder_for_the_type_checker():
    checked = set(PROJECT["tool"]["pyright"]["include"])
    assert checked == {folder.split("/")[0] for folder in package_folders()}


def test_datasets_from_the_root_is_the_one_of_hugging_face():
    where = run(sys.executable, "-c", "import datasets; print(datasets.__file__); datasets.load_dataset")
    assert "site-packages" in where


def test_datasets_under_pytest_from_the_root_is_the_one_of_hugging_face(tmp_path):
    test = tmp_path / "test_which.py"
    test.write_text(
        "def test_which():\n    import datasets\n    assert 'site-packages' in datasets.__file__\n"
    )
    run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={ROOT}", str(test))


def test_the_command_line_starts_without_heavy_libraries():
    pytest.importorskip("firstfault.cli.main", reason="the command line is not there yet")
    loaded = run(sys.executable, "-c", "import sys, firstfault.cli.main; print(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(tmp_path):
    sources = tmp_path / "sources"
    for folder in {folder.split("/")[0] for folder in package_folders()}:
        shutil.copytree(ROOT / folder, sources / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    build = "from setuptools import build_meta; import sys; build_meta.build_wheel(sys.argv[1])"
    run(sys.executable, "-c", build, str(tmp_path), cwd=sources)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert "firstfault/datasets/records.py" in held
    ours = {
        path.relative_to(sources).as_posix()
        for folder in package_folders()
        for path in (sources / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    assert {f"firstfault/{name}" for name in ours} <= held
    assert "firstfault/loop/templates/report.html.jinja" in held
    assert all(name.startswith(("firstfault/", "firstfault-")) for name in held)
    assert not any("/tests/" in name for name in held)


def test_every_pinned_version_satisfies_what_the_project_asks_for():
    from packaging.requirements import Requirement

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {n.lower().replace("_", "-"): v for n, v in (line.split("==") for line in lines if "==" in line)}
    extras = PROJECT["project"]["optional-dependencies"]
    for line in [*PROJECT["project"]["dependencies"], *(one for extra in extras.values() for one in extra)]:
        asked = Requirement(line)
        assert pins[asked.name.lower()] in asked.specifier, line
