"""Who may do what, and what every answer carries."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from firstfault.service.config import Limits, ServiceConfig
from firstfault.service.store.scope import Scope
from firstfault.service.store.tables import Key
from hostile_texts import HOSTILE_TEXTS
from service_app import RIGHT, WRONG, App
from sqlalchemy import select


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}") as app:
        yield app


@pytest.fixture
def guarded(tmp_path: Path, url: str) -> Iterator[App]:
    with App(tmp_path, url, needs_keys=True) as app:
        yield app


def test_without_a_key_there_is_nothing_but_health(guarded: App):
    for path in ("/v1/jobs", "/v1/panels", "/metrics", "/v1/keys"):
        refused = guarded.client.get(path)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "key create" in refused.json()["hint"]
    assert guarded.client.get("/health").status_code == 200
    assert guarded.client.get("/ready").json() == {"status": "ready"}


def test_each_scope_includes_those_before_it(guarded: App):
    allowed = {Scope.READ: (200, 403, 403), Scope.JUDGE: (200, 200, 403), Scope.ADMIN: (200, 200, 200)}
    for scope, expected in allowed.items():
        headers = guarded.key(scope)
        got = (
            guarded.client.get("/v1/jobs", headers=headers).status_code,
            guarded.client.post("/v1/judge", json=RIGHT, headers=headers).status_code,
            guarded.client.get("/v1/keys", headers=headers).status_code,
        )
        assert got == expected


@pytest.mark.parametrize("sent", ["nonsense", "ff_x_y", "ff__", "ff_\u00e9_x", "ff_" + "0" * 12 + "_secret"])
def test_what_is_no_key_opens_nothing(guarded: App, sent: str):
    answer = guarded.client.get("/v1/jobs", headers={"authorization": f"Bearer {sent}".encode()})
    assert answer.status_code == 401


def test_a_key_with_another_secret_opens_nothing(guarded: App):
    sent = guarded.key(Scope.ADMIN)["authorization"]
    assert guarded.client.get("/v1/jobs", headers={"authorization": sent[:-1] + "~"}).status_code == 401
    assert guarded.client.get("/v1/jobs", headers={"authorization": sent}).status_code == 200


def test_keys_are_made_listed_and_revoked_over_http(guarded: App):
    admin = guarded.key(Scope.ADMIN)
    made = guarded.client.post("/v1/keys", json={"name": "ci", "scope": "read"}, headers=admin).json()
    headers = {"authorization": f"Bearer {made['secret']}"}
    assert guarded.client.get("/v1/jobs", headers=headers).status_code == 200
    listed = guarded.client.get("/v1/keys", headers=admin).json()
    assert {key["name"] for key in listed} == {"admin", "ci"}
    assert not any("secret" in key or "digest" in key for key in listed)
    assert guarded.client.delete(f"/v1/keys/{made['id']}", headers=admin).json()["revoked_at"]
    assert guarded.client.get("/v1/jobs", headers=headers).status_code == 401


def test_only_a_hash_is_kept(guarded: App):
    secret = guarded.key(Scope.READ)["authorization"].rpartition("_")[2]
    with guarded.database.session() as session:
        (key,) = session.scalars(select(Key)).all()
    assert all(secret not in str(value) for value in vars(key).values())


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_where_no_keys_are_needed_no_other_site_may_call(app: App, headers: dict[str, str]):
    assert app.client.get("/v1/jobs", headers=headers).status_code == 421
    assert app.client.post("/v1/jobs", content=b"{}", headers=headers).status_code == 421


def test_the_own_page_may_call(app: App):
    assert app.client.get("/v1/jobs", headers={"origin": "http://127.0.0.1"}).status_code == 200


def test_every_answer_is_data_to_a_browser(app: App):
    for path in ("/health", "/v1/jobs", "/v1/none", "/openapi.json", "/v1/jobs/none"):
        headers = app.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_every_refusal_is_a_problem_with_a_hint(app: App):
    asked = [
        ("GET", "/v1/none", 404),
        ("PUT", "/v1/jobs", 405),
        ("GET", "/v1/jobs/none", 404),
        ("GET", "/v1/jobs?limit=0", 422),
        ("GET", "/v1/verdicts?first_fault=-1", 422),
        ("POST", "/v1/judge", 422),
        ("POST", "/v1/judge?panel=none", 422),
        ("POST", "/v1/jobs?panel=none", 422),
        ("POST", "/v1/keys", 422),
        ("DELETE", "/v1/keys/none", 422),
    ]
    for method, path, status in asked:
        answer = app.client.request(method, path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert problem["detail"]
        assert problem["hint"]


def test_a_bug_shows_nothing_of_itself(app: App, monkeypatch: pytest.MonkeyPatch):
    def broken(_: str) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr(app.jobs, "find", broken)
    answer = app.client.get("/v1/jobs/j-1")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def limited(tmp_path: Path, **limits: Any) -> App:
    return App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", ServiceConfig(limits=Limits(**limits)))


def test_what_is_too_large_is_refused_however_it_is_sent(tmp_path: Path):
    with limited(tmp_path, solution_bytes=2000, upload_bytes=2000) as app:
        large = b'{"problem": "' + b"x" * 3000 + b'", "steps": ["1 = 1"]}'
        pieces = [large[start : start + 100] for start in range(0, len(large), 100)]
        for path in ("/v1/judge", "/v1/jobs"):
            assert app.client.post(path, content=large).status_code == 413
            assert app.client.post(path, content=iter(pieces)).status_code == 413


def test_too_many_requests_are_refused_but_health_is_told(tmp_path: Path):
    with limited(tmp_path, requests_per_minute=5) as app:
        codes = [app.client.get("/v1/panels").status_code for _ in range(7)]
        # A minute may end on the way.
        assert 429 in codes
        assert app.client.get("/health").status_code == 200


def test_what_judges_too_long_is_given_up(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        llm = {
            "llm": "m",
            "base_url": f"http://127.0.0.1:{silent.getsockname()[1]}/v1",
            "timeout": 2,
            "retries": 0,
        }
        config = ServiceConfig.model_validate(
            {"panels": {"p": {"panel": [llm]}}, "panel": "p", "limits": {"seconds": 0.3, "judging": 1}}
        )
        with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", config) as app:
            assert app.client.post("/v1/judge", json=RIGHT).status_code == 504


def test_hostile_texts_are_data(tmp_path: Path, url: str):
    texts = [one.text for one in HOSTILE_TEXTS]
    rows = [
        {"id": text, "problem": text + "?", "steps": [text + " 2 + 2 = 5", text], "generator": text}
        for text in texts
    ]
    with App(tmp_path, url) as app:
        for row in rows:
            at_once = app.client.post("/v1/judge", json=row)
            assert at_once.status_code == 200
            assert at_once.headers["content-type"] == "application/json"
        job = app.post(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        assert app.work(job["id"])["done"] == len(rows)
        for row, shown in zip(rows, app.client.get("/v1/verdicts?limit=1000").json()["items"], strict=True):
            whole = app.client.get(f"/v1/verdicts/{shown['item']}").json()
            assert whole["steps"] == row["steps"]
            assert whole["problem"]["question"] == row["problem"]


def test_surrogates_and_nul_pass_through(tmp_path: Path, url: str):
    row = b'{"id": "\\u0000\\ud800", "problem": "\\ud800 \\u0000?", "steps": ["\\udfff 2 + 2 = 5 \\u0000"]}'
    with App(tmp_path, url) as app:
        assert app.client.post("/v1/judge", content=row).status_code == 200
        job = app.post(row + b"\n")
        assert app.work(job["id"])["done"] == 1
        (found,) = app.client.get("/v1/verdicts").json()["items"]
        assert app.client.get(f"/v1/verdicts/{found['item']}").status_code == 200
        assert app.client.get(f"/v1/jobs/{job['id']}/verdicts").status_code == 200


def test_judging_at_once_finds_the_fault(app: App):
    answer = app.client.post("/v1/judge", json=WRONG).json()
    assert (answer["panel"], answer["verdict"]["status"], answer["verdict"]["first_fault"]) == (
        "symbolic",
        "faulty",
        0,
    )
    for body in (
        b"",
        b"[1]",
        b"nonsense",
        b'{"problem": NaN}',
        b"[" * 100_000,
        b'{"problem": "x", "steps": []}',
    ):
        assert app.client.post("/v1/judge", content=body).status_code == 422
