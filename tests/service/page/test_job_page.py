"""The page of a job that has stopped, and how it goes on from there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import Hostile
from killed_service import failing, rows
from page_tags import PAGE, Tags, html
from service_app import App, asking


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with (
        Hostile(failing(0, share=0)) as server,
        App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", asking(server.url)) as app,
    ):
        yield app


def fields(app: App, job: str) -> list[str | None]:
    return [one.get("name") for tag, one in Tags(html(app, f"/jobs/{job}")).found if tag == "input"]


def test_a_job_that_its_budget_has_stopped_goes_on_with_a_larger_one(app: App):
    job = app.post(b"".join(rows(20)), budget_usd=0.1)["id"]
    assert app.work(job)["state"] == "stopped"
    assert fields(app, job) == ["budget_usd"]
    for wrong in ("0", "-1", "nan", "inf", "much"):
        refused = app.client.post(f"/jobs/{job}/resume", data={"budget_usd": wrong}, headers=PAGE)
        assert refused.status_code == 422, wrong
        assert "budget_usd" in refused.text
    answer = app.client.post(f"/jobs/{job}/resume", data={"budget_usd": "1.5"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job}")
    done = app.work(job)
    assert (done["state"], done["budget_usd"]) == ("done", 1.5)


def test_a_job_goes_on_with_the_budget_that_it_had_or_with_none(app: App):
    for asked in ({"budget_usd": 5}, {}):
        job = app.post(b"".join(rows(2)), **asked)["id"]
        app.client.post(f"/v1/jobs/{job}/cancel")
        assert fields(app, job) == list(asked)
        app.client.post(f"/jobs/{job}/resume", data={"budget_usd": ""}, follow_redirects=False)
        shown = app.client.get(f"/v1/jobs/{job}").json()
        assert (shown["state"], shown["budget_usd"]) == ("queued", asked.get("budget_usd"))
