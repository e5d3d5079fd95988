"""What jobs, keys and panels may cost, and what is charged to them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from firstfault.service.store.scope import Scope
from hostile import Hostile
from killed_service import failing, rows
from service_app import PRICE, App, asking


def paid(server: Hostile) -> float:
    return PRICE * sum(server.answered.values())


def spent(app: App) -> float:
    return app.client.get("/v1/keys").json()[0]["spent_usd"]


def test_a_budget_stops_a_job_which_goes_on_with_a_larger_one(tmp_path: Path, url: str):
    # A solution costs 15 tokens of $1,000 a million.
    with Hostile(failing(0, share=0)) as server, App(tmp_path, url, asking(server.url)) as app:
        job = app.post(b"".join(rows(20)), budget_usd=0.1)
        stopped = app.work(job["id"])
        assert stopped["state"] == "stopped"
        assert "budget" in stopped["reason"]
        assert 0 < stopped["usd"] <= 0.1 + 0.015
        app.client.post(f"/v1/jobs/{job['id']}/resume", params={"budget_usd": 1})
        done = app.work(job["id"])
        assert (done["state"], done["clean"]) == ("done", 20)
        assert sum(server.asked.values()) == 20
        assert done["usd"] == pytest.approx(20 * 0.015)


def test_a_keys_budget_holds_for_all_its_jobs(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server, App(tmp_path, url, asking(server.url)) as app:
        headers = app.key(Scope.JUDGE, budget_usd=0.1)
        first = app.post(b"".join(rows(5)), headers)
        assert app.work(first["id"])["state"] == "done"
        second = app.post(b"".join(rows(10)).replace(b"What", b"Which"), headers)
        assert app.work(second["id"])["state"] == "stopped"
        spent = sum(job["usd"] for job in app.client.get("/v1/jobs").json()["items"])
        assert spent <= 0.1 + 0.015
        # What is deleted stays spent.
        for job in (first, second):
            assert app.client.delete(f"/v1/jobs/{job['id']}", headers=headers).status_code == 204
        (key,) = app.client.get("/v1/keys").json()
        assert key["spent_usd"] == pytest.approx(spent)
        third = app.client.post("/v1/jobs", content=b"".join(rows(10)), headers=headers)
        assert third.status_code == 402


def test_single_solutions_count_on_a_keys_budget_too(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server, App(tmp_path, url, asking(server.url)) as app:
        headers = app.key(Scope.JUDGE, budget_usd=0.04)
        solutions = [json.loads(row) for row in rows(5)]
        answers = [app.client.post("/v1/judge", json=one, headers=headers) for one in solutions]
        assert [one.status_code for one in answers] == [200, 200, 200, 402, 402]
        assert sum(server.asked.values()) == 3
        assert answers[-1].json()["detail"] == "this key's budget is spent"
        # Whatever it is spent by.
        assert app.client.post("/v1/jobs", content=b"".join(rows(1)), headers=headers).status_code == 402
        unlimited = app.client.post("/v1/judge", json=solutions[4], headers=app.key(Scope.ADMIN))
        assert unlimited.status_code == 200


def test_what_one_judge_was_paid_is_charged_where_the_other_is_not_asked_any_more(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server:
        config = asking(server.url, {"llm": "second"})
        with App(tmp_path, url, config) as app:
            headers = app.key(Scope.JUDGE, budget_usd=0.05)
            job = app.post(b"".join(rows(20)), headers)["id"]
            stopped = app.work(job)
            assert (stopped["state"], stopped["done"]) == ("stopped", 0)
            assert "firstfault key budget" in stopped["reason"]
            assert stopped["usd"] == pytest.approx(paid(server))
            for _ in range(3):
                app.client.post(f"/v1/jobs/{job}/resume", params={"budget_usd": 100})
                assert app.work(job)["state"] == "stopped"
            assert spent(app) == pytest.approx(paid(server))
            assert paid(server) <= 0.05 + 2 * PRICE


def test_what_was_paid_before_an_endpoint_failed_is_charged(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server, Hostile(key="another") as closed:
        config = asking(server.url, {"llm": "second", "base_url": closed.url})
        with App(tmp_path, url, config) as app:
            headers = app.key(Scope.JUDGE, budget_usd=1)
            solution = json.loads(next(rows(1)))
            assert app.client.post("/v1/judge", json=solution, headers=headers).status_code == 502
            assert spent(app) == pytest.approx(PRICE)
            job = app.post(b"".join(rows(3)).replace(b"What", b"Which"), headers)
            stopped = app.work(job["id"])
            assert stopped["state"] == "stopped"
            assert stopped["usd"] == pytest.approx(3 * PRICE)
            assert spent(app) == pytest.approx(paid(server))


def test_a_panels_budget_is_a_jobs_however_often_it_is_resumed(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server:
        for budget, word in (({"usd": 0.1}, b"What"), ({"tokens": 100}, b"Which")):
            with App(tmp_path / word.decode(), url, asking(server.url, budget=budget)) as app:
                before = paid(server)
                job = app.post(b"".join(rows(40)).replace(b"What", word))["id"]
                for _ in range(4):
                    stopped = app.work(job)
                    assert stopped["state"] == "stopped"
                    assert "panel" in stopped["reason"]
                    app.client.post(f"/v1/jobs/{job}/resume", params={"budget_usd": 100})
                assert 0 < stopped["done"] < 40
                assert paid(server) - before <= 0.1 + PRICE + 1e-9
                assert stopped["usd"] == pytest.approx(paid(server) - before)


def test_what_the_ledger_answers_is_not_charged_again(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server, App(tmp_path, url, asking(server.url)) as app:
        first, second = (app.work(app.post(b"".join(rows(5)))["id"]) for _ in range(2))
        assert (first["usd"], second["usd"]) == (pytest.approx(5 * PRICE), 0)
        assert second["state"] == "done"


def test_what_costs_nothing_has_no_budget(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server, App(tmp_path, url, asking(server.url)) as app:
        headers = app.key(Scope.JUDGE, budget_usd=PRICE / 2)
        assert (
            app.client.post("/v1/judge", json=json.loads(next(rows(1))), headers=headers).status_code == 200
        )
        free = app.post(b"".join(rows(3)), headers, panel="symbolic")
        assert app.work(free["id"])["state"] == "done"


def test_a_spent_key_makes_no_job_that_costs_money_until_its_budget_is_raised(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0)) as server, App(tmp_path, url, asking(server.url)) as app:
        headers = app.key(Scope.JUDGE, budget_usd=PRICE / 2)
        assert (
            app.client.post("/v1/judge", json=json.loads(next(rows(1))), headers=headers).status_code == 200
        )
        body = b"".join(rows(3))
        refused = app.client.post("/v1/jobs", content=body, headers=headers)
        assert refused.status_code == 402
        assert "firstfault key budget" in refused.json()["hint"]
        (key,) = app.client.get("/v1/keys").json()
        raised = app.client.patch(f"/v1/keys/{key['id']}", json={"budget_usd": 1})
        assert raised.json()["budget_usd"] == 1
        assert app.work(app.post(body, headers)["id"])["state"] == "done"


def test_solutions_that_are_judged_at_once_share_what_is_left_of_their_key(tmp_path: Path, url: str):
    with Hostile(failing(0, share=0), delay=0.05) as server, App(tmp_path, url, asking(server.url)) as app:
        headers = app.key(Scope.JUDGE, budget_usd=0.04)

        def judge(row: bytes) -> int:
            return app.client.post("/v1/judge", json=json.loads(row), headers=headers).status_code

        with ThreadPoolExecutor(6) as threads:
            codes = list(threads.map(judge, rows(6)))
        assert codes.count(200) == 3
        assert codes.count(402) == 3
        assert paid(server) <= 0.04 + PRICE
        assert spent(app) == pytest.approx(paid(server))
