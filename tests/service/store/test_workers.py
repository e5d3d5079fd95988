"""Who of the workers lives, and what is shown of it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from firstfault.service.store.database import now
from firstfault.service.store.tables import Worker
from firstfault.service.work.worker import _beat
from service_app import App
from sqlalchemy import select, update


@pytest.fixture
def app(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url) as app:
        for name in ("first", "second"):
            _beat(app.database, app.line, name)
        yield app


def silence(app: App, *names: str) -> None:
    """Let some have given their last sign of life a while ago, as when they were killed."""
    with app.database.session() as session:
        session.execute(
            update(Worker).where(Worker.name.in_(names)).values(seen_at=now() - timedelta(seconds=31))
        )


def counted(app: App) -> float:
    (line,) = [
        one for one in app.client.get("/metrics").text.splitlines() if one.startswith("firstfault_workers ")
    ]
    return float(line.split()[1])


def test_a_worker_that_was_killed_is_not_counted(app: App):
    assert counted(app) == 2
    assert "2 workers" in app.client.get("/live").text
    silence(app, "first")
    assert counted(app) == 1
    assert "1 worker." in app.client.get("/live").text
    silence(app, "second")
    assert counted(app) == 0
    assert "0 workers: nothing is judged until one runs" in app.client.get("/live").text


def test_workers_that_are_gone_are_forgotten_by_the_others(app: App):
    silence(app, "first")
    _beat(app.database, app.line, "second")
    with app.database.session() as session:
        assert list(session.scalars(select(Worker.name))) == ["second"]
    # It was only slow.
    _beat(app.database, app.line, "first")
    assert counted(app) == 2
