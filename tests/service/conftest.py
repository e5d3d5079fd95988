"""Databases of both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Postgres, programs

pytest.importorskip("dbos", reason="needs the extra `service`")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | None]:
    """A PostgreSQL server; none where it isn't installed."""
    folder = programs()
    if folder is None:
        yield None
        return
    with Postgres(folder) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres | None) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.sqlite'}"
    if postgres is None:
        pytest.skip("PostgreSQL is not installed")
    return postgres.database()
