"""The page, without a browser: who may see it, what it shows of untrusted text, what it leads to."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.datasets.records import Review, Split, VerdictStatus
from firstfault.datasets.store import write_records
from firstfault.service.page.rendering import STATIC
from firstfault.service.work.indexing import Index
from hostile_texts import HOSTILE_TEXTS
from page_tags import PAGE, Tags, html
from service_app import RIGHT, WRONG, App
from small_run import VARIANT, make_run

VIEWS = ("/", "/live", "/solutions", "/runs/small", "/runs/small/live", "/runs/small/tasks")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}") as app:
        make_run(tmp_path / "runs" / "small")
        Index(app.database, app.runs).refresh()
        yield app


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path, f"sqlite:///{tmp_path / 's.sqlite'}", needs_keys=True) as app:
        make_run(tmp_path / "runs" / "small", 2, spare=2)
        yield app


def test_every_view_is_a_page_under_a_strict_policy(app: App):
    for path in VIEWS:
        answer = app.client.get(path, headers=PAGE)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        # What the policy forbids must not be needed either.
        for tag, attributes in Tags(answer.text).found:
            assert tag != "style"
            assert not any(name == "style" or name.startswith("on") for name in attributes), (path, tag)
            assert tag != "script" or str(attributes.get("src", "")).startswith("/static/")


def test_files_of_the_page_can_be_kept_for_good(app: App):
    addresses = set(re.findall(r'"(/static/[^"]+)"', html(app, "/")))
    assert len(addresses) == 5
    for address in addresses:
        answer = app.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("..%2fpages.py", "LICENSE-htmx.txt", "nope.js"):
        assert app.client.get(f"/static/{name}").status_code == 404


def test_the_library_of_the_page_is_the_one_that_was_released():
    import hashlib

    digest = hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()
    assert digest == "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def test_untrusted_text_is_text_on_every_view(app: App):
    rows = [
        {
            "id": one.text[:60] or "x",
            "problem": f"{one.text} What is 2 + 2?",
            "steps": [f"{one.text} 2 + 2 = 5", one.text or "."],
            "answer": one.text,
            "generator": one.text,
        }
        for one in HOSTILE_TEXTS
    ]
    name = "<img src=x onerror=top.__xss=1>"
    job = app.post("".join(json.dumps(row) + "\n" for row in rows).encode(), name=name)["id"]
    app.work(job)
    review = [
        Review(solution_id=one["id"], reviewer="r-1", status=VerdictStatus.CLEAN, rationale=name)
        for one in app.client.get("/v1/verdicts", params={"run": "small", "limit": 1}).json()["items"]
    ]
    write_records(app.runs.folder / "small" / "reviews" / f"{VARIANT}.{Split.MINING}.parquet", review)
    Index(app.database, app.runs).refresh()
    found = app.client.get("/v1/verdicts", params={"limit": 1000}).json()["items"]
    views = [
        "/",
        "/solutions",
        f"/jobs/{job}",
        f"/solutions?job={job}",
        "/solutions?judge=%3Cimg%20src%3Dx%3E",
    ]
    views += [f"/solutions/{one['item']}" for one in found]
    views += ["/login?next=%22%3E%3Cimg%20src%3Dx%3E"]
    known = set[str]()
    for path in views:
        for tag, attributes in Tags(html(app, path)).found:
            known.add(tag)
            assert not any(attribute.startswith("on") for attribute in attributes), (path, tag)
            assert tag not in ("img", "iframe", "object", "embed", "base", "style", "math", "video"), path
            assert tag != "script" or str(attributes["src"]).startswith("/static/")
            link = attributes.get("href") or attributes.get("action") or "/"
            assert link.startswith(("/", "#")), (path, link)
    assert {"main", "form", "table"} <= known


def test_filters_stand_in_the_address(app: App):
    text = html(app, "/solutions?run=small&error_type=execution&disagree=true&step=2")
    wanted = app.client.get(
        "/v1/verdicts", params={"run": "small", "error_type": "execution", "disagree": True, "first_fault": 1}
    ).json()["items"]
    shown = [int(item) for item in re.findall(r'href="/solutions/(\d+)\?', text)]
    assert shown == [one["item"] for one in wanted]
    assert 'value="execution" selected' in text
    # Whoever follows such an address stays among what was looked for.
    if len(shown) > 1:
        inside = html(app, f"/solutions/{shown[0]}?run=small&error_type=execution&disagree=true&step=2")
        assert f'href="/solutions/{shown[1]}?run=small' in inside


@pytest.mark.parametrize(
    "query",
    [
        "status=nope",
        "step=-1",
        "step=99999999999",
        "step=x",
        "job=%00",
        "after=x",
        "after=" + 5000 * "9",
        "at=" + 5000 * "9",
        "at=2147483647",
        "judge=%0a",
        "error_type=",
    ],
)
def test_an_address_that_makes_no_sense_shows_what_it_can(app: App, query: str):
    assert "<main" in html(app, f"/solutions?{query}")


def test_a_solution_is_shown_with_full_precisions_and_its_votes(app: App):
    first = app.client.get("/v1/verdicts", params={"run": "small"}).json()["items"][0]
    text = html(app, f"/solutions/{first['item']}")
    assert "Full precision" in text
    assert "First fault" in text
    assert "symbolic" in text
    assert text.count('class="cell quantized fault"') == 1


def test_more_solutions_come_as_they_are_reached(app: App):
    rows = [{**(WRONG if n % 2 else RIGHT), "id": f"s-{n}"} for n in range(120)]
    job = app.post("".join(json.dumps(row) + "\n" for row in rows).encode())["id"]
    app.work(job)
    seen: list[str] = []
    path = f"/solutions?job={job}"
    while path:
        text = html(app, path)
        seen += re.findall(r'href="/solutions/(\d+)', text)
        more = re.search(r'hx-get="([^"]+)"', text)
        path = more.group(1).replace("&amp;", "&") if more else ""
    assert len(seen) == len(set(seen)) == 120


def test_the_way_back_to_a_list_keeps_the_place(app: App):
    rows = [{**(WRONG if n % 2 else RIGHT), "id": f"s-{n}"} for n in range(120)]
    job = app.post("".join(json.dumps(row) + "\n" for row in rows).encode())["id"]
    app.work(job)
    found = app.client.get(f"/v1/verdicts?job={job}&status=faulty&limit=60").json()["items"]
    ids = [one["item"] for one in found]

    def back(item: int) -> str:
        text = html(app, f"/solutions/{item}?job={job}&status=faulty")
        (address,) = re.findall(r'href="([^"]+)" data-keys="u Escape"', text)
        return html(app, address.replace("&amp;", "&"))

    there = back(ids[40])
    assert [int(one) for one in re.findall(r'href="/solutions/(\d+)', there)] == ids[35:]
    assert re.findall(r'/(\d+)\?[^"]+" autofocus', there) == [str(ids[40])]
    assert f'href="/solutions?job={job}&amp;status=faulty">‹ From the first one' in there
    there = back(ids[3])
    assert [int(one) for one in re.findall(r'href="/solutions/(\d+)', there)][:5] == ids[:5]
    assert "From the first one" not in there


def test_older_runs_and_jobs_are_found_page_by_page(app: App):
    jobs = [app.post(json.dumps(RIGHT).encode(), name=f"job {n}")["id"] for n in range(65)]
    for n in range(31):
        make_run(app.runs.folder / f"run{n}", 1)
    seen: list[str] = []
    runs: set[str] = set()
    path = "/"
    while path:
        text = html(app, path)
        here = re.findall(r'id="job-([^"]+)"', text)
        seen += here
        # What is asked for anew every two seconds is what is seen.
        (again,) = re.findall(r'hx-get="([^"]+)"', text)
        assert re.findall(r'id="job-([^"]+)"', html(app, again.replace("&amp;", "&"))) == here
        older = re.search(r'href="([^"]+)" rel="next">Older jobs', text)
        path = older.group(1).replace("&amp;", "&") if older else ""
    assert seen == jobs[::-1]
    for path in ("/", "/?runs=2&jobs=3"):
        text = html(app, path)
        runs |= set(re.findall(r'id="run-([^"]+)"', text))
    assert len(runs) == 32
    assert 'href="/?jobs=3" rel="prev">‹ Newer runs' in text
    assert "No job is older" in html(app, "/?jobs=4")


def test_refusals_are_pages_for_people_and_documents_for_programs(app: App):
    page = app.client.get("/runs/nope", headers=PAGE)
    assert page.status_code == 404
    assert "<h1>Not Found</h1>" in page.text
    assert app.client.get("/v1/runs/nope", headers=PAGE).headers["content-type"] == "application/problem+json"


def test_what_no_database_takes_for_a_name_is_no_run(tmp_path: Path, url: str):
    with App(tmp_path, url) as app:
        for path in ("", "/live", "/pictures", "/tasks"):
            assert app.client.get(f"/runs/%00{path}", headers=PAGE).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/runs/nope",
        "/jobs/nope",
        "/solutions/abc",
        "/solutions/-1",
        "/solutions/0",
        "/solutions/" + 5000 * "9",
    ],
)
def test_what_is_not_there_leads_to_what_is(app: App, path: str):
    page = app.client.get(path, headers=PAGE)
    assert page.status_code == 404
    assert "there is no" in page.text
    assert "path.item" not in page.text
    main = page.text.partition("<main")[2]
    assert {'href="/"', 'href="/solutions"'} <= set(re.findall(r'href="[^"]*"', main))
