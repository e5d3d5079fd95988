"""The page of a run: how it is led to, and what was started there."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from firstfault.service.store.scope import Scope
from firstfault.service.work.indexing import Index
from page_tags import PAGE, Tags, html
from service_app import App
from small_run import make_run


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}") as app:
        make_run(tmp_path / "runs" / "small", 2, spare=2)
        yield app


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", needs_keys=True) as app:
        make_run(tmp_path / "runs" / "small", 2, spare=2)
        yield app


@pytest.mark.parametrize("name", ["loop v2", "50% off? #1", "it's 'quoted' & <b>"])
def test_a_run_of_any_name_is_led_to_and_moves(app: App, name: str):
    make_run(app.runs.folder / name, 2, spare=2)
    Index(app.database, app.runs).refresh()
    there = {
        str(one["id"]): str(one["href"])
        for tag, one in Tags(html(app, "/")).found
        if "href" in one and "id" in one
    }
    address = there[f"run-{quote(name, safe='')}"]
    tags = Tags(html(app, address)).found
    moving = [str(one["hx-get"]) for _, one in tags if "hx-get" in one]
    assert len(moving) == 3
    for path in moving:
        assert app.client.get(path).status_code in (200, 204), path
    (parts,) = [str(one["href"]) for _, one in tags if str(one.get("href")).endswith("disagree=true")]
    html(app, parts)
    form = next(str(one["action"]) for tag, one in tags if tag == "form" and "runs" in str(one.get("action")))
    done = app.client.post(form, data={"action": "curate"}, headers=PAGE, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, f"{address}#tasks")
    assert "queued" in html(app, address)
    (filters,) = [
        one for one in Tags(html(app, f"/solutions?of=run%3A{quote(name)}")).found if "selected" in one[1]
    ]
    assert filters[1]["value"] == f"run:{name}"


def test_the_door_leads_back_to_a_run_of_any_name(guarded: App):
    name = "50% off? 100%"
    make_run(guarded.runs.folder / name, 2, spare=2)
    address = f"/runs/{quote(name)}"
    led = guarded.client.get(f"{address}?seen=a%26b", headers=PAGE, follow_redirects=False).headers[
        "location"
    ]
    back = parse_qs(urlsplit(led).query)["next"][0]
    assert back == f"{address}?seen=a%26b"
    key = guarded.key(Scope.READ)["authorization"].removeprefix("Bearer ")
    form = {"key": key, "next": back}
    answer = guarded.client.post("/login", data=form, headers=PAGE, follow_redirects=False)
    assert answer.headers["location"] == back
    assert answer.cookies
    assert guarded.client.get(back, headers=PAGE).status_code == 200


def test_what_was_started_is_shown_with_the_options_that_matter(app: App):
    for given in ({"dry_run": True}, {"public": True, "restored": True}, {}):
        asked = {"action": "publish", "repo": "me/x", **given}
        assert app.client.post("/v1/runs/small/tasks", json=asked).status_code == 202
    text = html(app, "/runs/small/tasks")
    said = re.findall(r'<p class="name">publish <span class="what">([^<]*)</span>', text)
    assert sorted(said) == ["me/x", "me/x, dry run", "me/x, public, the restored model"]
