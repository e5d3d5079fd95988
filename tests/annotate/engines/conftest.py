"""Waits between attempts that take no time, no key from outside, and a ledger on either database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.annotate.engines.ledger_place import LedgerPlace
from postgres import Postgres, programs


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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "ledger.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, path: Path) -> LedgerPlace:
    """A ledger of either kind."""
    return path if request.param == "sqlite" else request.getfixturevalue("shared_place")


@pytest.fixture
def shared_place(postgres: Postgres | None) -> str:
    """A ledger that machines share."""
    if postgres is None:
        pytest.skip("PostgreSQL is not installed")
    return postgres.database()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that a test may restart."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres(folder) as server:
        yield server
