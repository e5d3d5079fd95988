"""Who sees the page, and what other sites can do with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.service.store.scope import Scope
from service_app import App
from small_run import make_run

PAGE = {"accept": "text/html"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", needs_keys=True) as app:
        make_run(tmp_path / "runs" / "small", 2, spare=2)
        yield app


def sign_in(app: App, scope: Scope) -> str:
    key = app.key(scope)["authorization"].removeprefix("Bearer ")
    assert app.client.post("/login", data={"key": key}, follow_redirects=False).status_code == 303
    return key


def test_without_a_key_every_page_leads_to_the_door(guarded: App):
    for path in ("/", "/live", "/solutions", "/solutions/1", "/runs/small", "/runs/small/live"):
        answer = guarded.client.get(path, headers=PAGE, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/login?next=%2F")
    part = guarded.client.get("/live", headers={"hx-request": "true"})
    assert part.status_code == 401
    assert part.headers["hx-redirect"].startswith("/login")


def test_signing_in_keeps_the_key_where_no_script_gets_it(guarded: App):
    key = guarded.key(Scope.READ)["authorization"].removeprefix("Bearer ")
    form = {"key": key, "next": "/runs/small"}
    answer = guarded.client.post("/login", data=form, headers=PAGE, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/small")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.client.get("/", headers=PAGE).status_code == 200
    guarded.client.post("/logout", follow_redirects=False)
    assert guarded.client.get("/", headers=PAGE, follow_redirects=False).status_code == 303


def test_a_wrong_key_is_said_to_be_one(guarded: App):
    answer = guarded.client.post("/login", data={"key": "ff_x_\u00e9"}, headers=PAGE)
    assert answer.status_code == 401
    assert "unknown or revoked" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "to", ["//evil.invalid", "https://evil.invalid", "/\\evil.invalid", "javascript:x", "/\n//x"]
)
def test_signing_in_leads_nowhere_else(guarded: App, to: str):
    key = guarded.key(Scope.READ)["authorization"].removeprefix("Bearer ")
    form = {"key": key, "next": to}
    answer = guarded.client.post("/login", data=form, headers=PAGE, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_another_site_can_do_nothing_in_a_visitors_name(guarded: App):
    sign_in(guarded, Scope.ADMIN)
    there = {"origin": "https://evil.invalid", **PAGE}
    form = {"action": "curate"}
    assert guarded.client.post("/runs/small/tasks", data=form, headers=there).status_code == 403
    here = {"origin": "http://127.0.0.1", **PAGE}
    done = guarded.client.post("/runs/small/tasks", data=form, headers=here, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/runs/small#tasks")
    assert "queued" in guarded.client.get("/runs/small/tasks", headers=PAGE).text


def test_another_site_can_sign_nobody_in_or_out(guarded: App):
    there, form = {"origin": "https://evil.invalid", **PAGE}, {"key": sign_in(guarded, Scope.READ)}
    for path in ("/logout", "/login"):
        refused = guarded.client.post(path, data=form, headers=there, follow_redirects=False)
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers
    here = {"origin": "http://127.0.0.1", **PAGE}
    assert guarded.client.post("/logout", headers=here, follow_redirects=False).status_code == 303


@pytest.mark.parametrize("sent", ["http://[", "//[x", "http://127.0.0.1", "[", ""])
def test_what_is_no_address_is_no_bug(guarded: App, sent: str):
    shown = guarded.client.get("/login", params={"next": sent}, headers=PAGE)
    assert shown.status_code == 200
    assert 'name="next" value="/"' in shown.text
    part = guarded.client.get("/live", headers={"hx-request": "true", "hx-current-url": sent})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login?next=%2F")
    sign_in(guarded, Scope.ADMIN)
    form = {"action": "curate"}
    answer = guarded.client.post("/runs/small/tasks", data=form, headers={"origin": sent, **PAGE})
    assert answer.status_code == (200 if sent == "http://127.0.0.1" else 403)


def test_after_signing_in_one_is_where_a_part_of_a_page_was_asked_for(guarded: App):
    here = "http://127.0.0.1/solutions?run=small&step=2#top"
    part = guarded.client.get("/live", headers={"hx-request": "true", "hx-current-url": here})
    assert part.headers["hx-redirect"] == "/login?next=%2Fsolutions%3Frun%3Dsmall%26step%3D2"


def test_a_password_for_a_proxy_is_no_key(guarded: App):
    sign_in(guarded, Scope.READ)
    for sent in ("Basic bWU6c2VjcmV0", "ff_a_b"):
        headers = {"authorization": sent, **PAGE}
        assert guarded.client.get("/", headers=headers, follow_redirects=False).status_code == 200


def test_who_may_only_read_sees_no_buttons(guarded: App):
    sign_in(guarded, Scope.READ)
    shown = guarded.client.get("/runs/small/tasks", headers=PAGE)
    assert shown.status_code == 200
    assert "<button" not in shown.text
