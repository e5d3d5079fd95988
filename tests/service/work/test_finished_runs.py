"""Commands on a run that really runs, and once more when all of it is there."""

from pathlib import Path

import pytest
from firstfault.loop.config import RunConfig
from firstfault.loop.folder import RunFolder
from firstfault.models import BUNDLED
from page_tags import html
from service_app import App

pytestmark = pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")


def test_a_task_tells_what_is_there_and_that_nothing_had_to_be_done(tmp_path: Path):
    config = RunConfig.model_validate(
        {
            "problems": {"abacus": {"mining": 24, "held_out": 6, "levels": [2]}},
            "variants": [{"method": "rtn", "scheme": "W2A16", "group_size": 32}],
            "sampling": {"max_tokens": 64},
            "judge": {"samples": 1, "injected": 5},
            "restore": {"epochs": 1},
            "threads": 1,
        }
    )
    with App(tmp_path, f"sqlite:///{tmp_path / 'service.sqlite'}") as app:
        RunFolder(app.runs.folder / "tiny").claim(config)

        def done(action: str) -> tuple[dict[str, object], str]:
            task = app.client.post("/v1/runs/tiny/tasks", json={"action": action}).json()["id"]
            app.carrier.carry_out(task)
            found = app.client.get(f"/v1/tasks/{task}").json()
            assert found["state"] == "done", found
            return found["result"], app.client.get(f"/v1/tasks/{task}/log").text

        made, _ = done("curate")
        assert made["nothing_to_do"] is False
        assert made["pairs"]
        assert made["restored"] is None
        assert "Nothing had to be done" not in html(app, "/runs/tiny/tasks")
        again, log = done("curate")
        assert again == {**made, "nothing_to_do": True}
        assert "Nothing had to be done" in log
        assert f"Nothing had to be done: {made['pairs']} pairs" in html(app, "/runs/tiny/tasks")
        restored, _ = done("restore")
        assert restored["nothing_to_do"] is False
        assert restored["restored"] is not None
        again, log = done("restore")
        assert again == {**restored, "nothing_to_do": True}
        assert "Nothing had to be done" in log
