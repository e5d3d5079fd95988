"""The hostile endpoint, and a chat that asks it without waiting between attempts."""

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Test folders are no packages: the endpoint, which benchmarks use too, is loaded by its path.
_path = Path(__file__).parents[2] / "hostile.py"
_spec = importlib.util.spec_from_file_location("hostile", _path)
assert _spec
assert _spec.loader
sys.modules.setdefault("hostile", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(sys.modules["hostile"])


class Naps:
    """Waits that take no time and are kept."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return
