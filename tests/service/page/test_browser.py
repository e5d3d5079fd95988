"""The page in a real browser: what moves, what keys do, how it looks, and that nothing runs."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_texts import HOSTILE_TEXTS
from service_app import RIGHT, WRONG
from service_running import Service
from small_run import make_run

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra `dev`")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
_QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SIZES = {"wide": (1200, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    make_run(folder / "runs" / "small")
    with Service(folder / "data", more=("--runs", str(folder / "runs"))) as service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: sync_api.Browser, service: Service) -> Iterator[sync_api.Page]:
    """A page whose every message and foreign request is a failure."""
    context = browser.new_context(base_url=service.url, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(service.url) else said.append(one.url))
    yield page
    assert said == []
    context.close()


def judged(service: Service, rows: list[dict[str, object]], name: str) -> str:
    job = service.post("".join(json.dumps(row) + "\n" for row in rows).encode(), name=name)["id"]
    service.followed(job)
    return job


def indexed(page: sync_api.Page) -> None:
    """Wait until the worker has read the run."""
    page.goto("/solutions?run=small")
    while not page.locator(".rows a").count():
        page.reload()


def test_a_job_is_seen_moving_without_a_reload(page: sync_api.Page, service: Service):
    page.goto("/")
    page.evaluate("window.stayed = true")
    service.post("".join(json.dumps(WRONG) + "\n" for _ in range(40)).encode(), name="in the morning")
    page.get_by_role("link", name="in the morning").wait_for()
    page.locator("#live li", has_text="in the morning").locator(".state.done").wait_for()
    assert page.evaluate("window.stayed")
    page.get_by_role("link", name="in the morning").click()
    page.get_by_role("link", name="The faulty ones").click()
    assert page.locator(".rows a").count() == 40


def test_solutions_are_walked_by_keys(page: sync_api.Page):
    indexed(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.locator(".rows a").first.get_attribute("href")
    assert page.evaluate("document.activeElement.getAttribute('href')") == first
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{first}")
    page.keyboard.press("j")
    page.wait_for_url(lambda url: not url.endswith(first or "") and "/solutions/" in url)
    page.keyboard.press("k")
    page.wait_for_url(f"**{first}")
    page.keyboard.press("u")
    page.wait_for_url("**/solutions?run=small")
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "job"


def test_a_choice_is_an_address(page: sync_api.Page):
    indexed(page)
    page.get_by_label("Error type").select_option("method")
    page.wait_for_url("**/solutions?run=small&error_type=method")
    page.get_by_label("judges differ").check()
    page.wait_for_url("**/solutions?run=small&error_type=method&disagree=true")
    tags = page.locator(".rows .tag", has_text="method")
    assert tags.count() == page.locator(".rows a").count()
    page.go_back()
    page.wait_for_url("**/solutions?run=small&error_type=method")
    assert page.get_by_label("Error type").input_value() == "method"
    assert page.get_by_label("First fault in step").is_enabled()


def test_the_list_grows_as_it_is_read(page: sync_api.Page, service: Service):
    job = judged(service, [{**RIGHT, "id": f"r-{n}"} for n in range(120)], "long")
    page.goto(f"/solutions?job={job}")
    while page.locator(".rows a").count() < 120:
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(
    browser: sync_api.Browser, service: Service, size: str, scheme: str, tmp_path: Path
):
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=service.url, viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page = context.new_page()
    indexed(page)
    first = page.locator(".rows a").first.get_attribute("href")
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for name, path in {
        "overview": "/",
        "run": "/runs/small",
        "list": "/solutions",
        "one": first or "",
    }.items():
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        back, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
            ".map(color => color.match(/\\d+/g).slice(0, 3).reduce((sum, one) => sum + +one, 0))"
        )
        assert (back > ink) is (scheme == "light")
        page.screenshot(path=pictures / f"service-{name}-{size}-{scheme}.png")
    context.close()


def test_nothing_that_a_model_wrote_runs(page: sync_api.Page, service: Service):
    rows: list[dict[str, object]] = [
        {"id": f"h-{n}", "problem": f"{one.text} ?", "steps": [f"{one.text} 2 + 2 = 5", one.text or "."]}
        for n, one in enumerate(HOSTILE_TEXTS)
    ]
    job = judged(service, rows, "<script>top.__xss=1</script>")
    shown = service.client.get("/v1/verdicts", params={"job": job, "limit": 1000}).json()["items"]
    assert len(shown) == len(HOSTILE_TEXTS)
    paths = ["/", f"/jobs/{job}", f"/solutions?job={job}", *[f"/solutions/{one['item']}" for one in shown]]
    for path in paths:
        page.goto(path)
        assert page.evaluate(
            "top.__xss === undefined && document.querySelectorAll('main img, iframe').length === 0"
        )
        assert page.locator("main script").count() == 0


def test_signing_in(browser: sync_api.Browser, tmp_path: Path):
    service = Service(tmp_path, workers=0, more=("--runs", str(tmp_path / "runs"), "--require-keys"))
    made = service.key("read")
    with service:
        page = browser.new_context(base_url=service.url).new_page()
        page.goto("/solutions?status=faulty")
        page.get_by_label("API key").fill("nonsense")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("API key").fill(made)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/solutions?status=faulty")
        page.get_by_role("button", name="Leave").click()
        page.wait_for_url("**/login")
