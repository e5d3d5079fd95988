"""Databases of both kinds."""

from pathlib import Path

import pytest
from postgres import Postgres

pytest.importorskip("dbos", reason="needs the extra `service`")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres | None) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.sqlite'}"
    if postgres is None:
        pytest.skip("PostgreSQL is not installed")
    return postgres.database()
