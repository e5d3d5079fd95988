"""How the service is."""

import threading
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from httpx import ASGITransport, AsyncClient, Response
from service_app import App


def test_it_says_that_it_runs_while_all_threads_wait_for_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked, answers = threading.Event(), threading.Event()

    def check() -> None:
        asked.set()
        answers.wait()

    async def health(app: App) -> Response:
        to_thread.current_default_thread_limiter().total_tokens = 1
        transport = ASGITransport(app.client.app)
        async with (
            AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(client.get, "/ready")
            try:
                with anyio.fail_after(30):
                    while not asked.is_set():
                        await anyio.sleep(0)
                    return await client.get("/health")
            finally:
                answers.set()

    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}") as app:
        monkeypatch.setattr(app.database, "check", check)
        assert anyio.run(health, app).json() == {"status": "running"}
