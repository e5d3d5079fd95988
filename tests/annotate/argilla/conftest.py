"""A real Argilla server, started once for all tests; skipped where it can't be installed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.annotate.argilla.server.environment import ensure_environment
from firstfault.datasets.errors import ConfigError
from serving import Serving


@pytest.fixture(scope="session")
def server_python() -> Path:
    try:
        return ensure_environment(lambda done, total, what: None)
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def serving(server_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("argilla") / "data") as running:
        yield running
        assert running.stop(signal.SIGTERM) == 0
