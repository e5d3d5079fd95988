"""The page in a real browser: what moves, what keys do, how it looks, and that nothing runs."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.loop.standing import STAGES, Keeper
from hostile import HANG, Hostile
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
    page.wait_for_url(lambda url: "/solutions?run=small&at=" in url)
    # Where it was left.
    assert page.evaluate("document.activeElement.getAttribute('href')") == first
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "of"


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


def test_who_goes_back_sees_the_filters_of_the_address(page: sync_api.Page):
    page.goto("/solutions")
    for chosen in ("faulty", "unsure"):
        page.locator("[name=status]").select_option(chosen)
        page.wait_for_url(f"**/solutions?status={chosen}")
    page.go_back()
    page.wait_for_url("**/solutions?status=faulty")
    sync_api.expect(page.locator("[name=status]")).to_have_value("faulty")


def test_the_list_grows_as_it_is_read(page: sync_api.Page, service: Service):
    job = judged(service, [{**RIGHT, "id": f"r-{n}"} for n in range(120)], "long")
    page.goto(f"/solutions?job={job}")
    while page.locator(".rows a").count() < 120:
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")


def swapped(page: sync_api.Page, path: str) -> None:
    """Wait until a part of the page was put in: it has been when it is asked for the next time."""
    for _ in range(2):
        with page.expect_response(path):
            pass


@pytest.mark.parametrize("has_keys", [False, True])
def test_what_buttons_start_and_stop(browser: sync_api.Browser, tmp_path: Path, has_keys: bool):
    run = make_run(tmp_path / "runs" / "small", 2, spare=2)
    more = ("--runs", str(tmp_path / "runs"), *(["--require-keys"] if has_keys else []))
    made = Service(tmp_path / "data")
    made.data.mkdir()
    key = made.key("admin") if has_keys else ""
    # Held as a run at work holds it: what is started waits, and can be stopped.
    with run.locked(), Service(tmp_path / "data", more=more) as service:
        context = browser.new_context(base_url=service.url)
        page = context.new_page()
        page.goto("/runs/small")
        if has_keys:
            page.get_by_label("API key").fill("wrong")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_text("This key is unknown or revoked.").wait_for()
            page.get_by_label("API key").fill(key)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/runs/small")
        page.get_by_role("button", name="Make pairs").click()
        page.locator("#task-list .state.running").wait_for()
        # What is typed stays while the list of tasks goes on.
        page.get_by_label("Repository on the Hub").press_sequentially("me/silver")
        page.get_by_label("Repository on the Hub").focus()
        swapped(page, "**/runs/small/tasks")
        assert page.get_by_label("Repository on the Hub").input_value() == "me/silver"
        assert page.evaluate("document.activeElement.name") == "repo"
        page.get_by_role("button", name="Stop").click()
        page.locator("#task-list .state.cancelled").wait_for()
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="Publish").click()
        assert page.locator("#task-list li").count() == 1
        # A run that begins while its page is open is seen at work, and its end too.
        keeper = Keeper(run.standing_path, STAGES)
        with keeper.working(), keeper.during("solve"):
            page.locator("#run .state.running").wait_for()
        page.locator("#run .state.stopped").wait_for()
        context.close()


def test_a_job_is_stopped_and_gone_on_with(browser: sync_api.Browser, tmp_path: Path):
    with Hostile(lambda _text, _number: HANG) as endpoint:
        judge = {"llm": "m", "base_url": endpoint.url, "timeout": 600}
        (tmp_path / "service.yaml").write_text(
            json.dumps({"panels": {"p": {"panel": [judge]}}, "panel": "p"})
        )
        with Service(tmp_path / "data", config=tmp_path / "service.yaml") as service:
            job = service.post(json.dumps(RIGHT).encode())["id"]
            context = browser.new_context(base_url=service.url)
            page = context.new_page()
            page.goto(f"/jobs/{job}")
            page.locator("#job .state.running").wait_for()
            # Focus outlives the part of the page that moves.
            page.get_by_role("link", name="Its solutions").focus()
            swapped(page, f"**/jobs/{job}/live")
            assert page.evaluate("document.activeElement.id") == "all"
            page.get_by_role("button", name="Stop").click()
            page.locator("#job .state.cancelled").wait_for()
            page.get_by_role("button", name="Go on").click()
            page.locator("#job .state.running, #job .state.queued").wait_for()
            context.close()


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
