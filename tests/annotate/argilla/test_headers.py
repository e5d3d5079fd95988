"""No text that is shown can run a script, and the real page still works: tried in a real browser."""

import json
import os
import uuid
from pathlib import Path

import httpx
import pytest
from chromium import CHROMIUM, Page
from serving import Serving

RAN = "top.__ran = 1; document.title = 'ran'"
ELSEWHERE = "http://elsewhere.invalid"
HOSTILE = "\n\n".join(
    [
        "The end of the hostile text is HERE.",
        f"<script>{RAN}</script>",
        f"</script><script>{RAN}</script>",
        f'<img src=x onerror="{RAN}">',
        f'<svg onload="{RAN}"><animate onbegin="{RAN}" attributeName="x" dur="1s"></svg>',
        f'<iframe srcdoc="<script>{RAN}</script>"></iframe>',
        f'<iframe src="javascript:{RAN}"></iframe>',
        f'<details open ontoggle="{RAN}"><summary>s</summary></details>',
        f'<body onload="{RAN}"><style>@import "{ELSEWHERE}/style.css";</style>',
        f'<form action="{ELSEWHERE}"><input autofocus onfocus="{RAN}"></form>',
        f"![image]({ELSEWHERE}/image.png)",
        f'<link rel="stylesheet" href="{ELSEWHERE}/other.css"><script src="{ELSEWHERE}/script.js"></script>',
        f"$\\href{{javascript:{RAN}}}{{x}}$ {{{{constructor.constructor('{RAN}')()}}}}",
    ]
)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/api/v1/status", "/api/v1/me", "/no/such/page"])
def test_every_answer_carries_the_headers(serving: Serving, path: str):
    headers = httpx.get(serving.url + path).headers
    (policy,) = headers.get_list("content-security-policy")
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts.startswith("script-src 'self' 'sha256-")
    assert "unsafe" not in scripts
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_no_other_site_is_let_in(serving: Serving):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    assert (
        "access-control-allow-origin" not in httpx.options(f"{serving.url}/api/v1/me", headers=asked).headers
    )
    assert (
        "access-control-allow-origin" not in httpx.get(f"{serving.url}/api/v1/status", headers=asked).headers
    )


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_reviewer_logs_in_and_a_hostile_record_runs_nothing(serving: Serving, tmp_path: Path):
    dataset = _hostile_dataset(serving)
    with Page(tmp_path) as page:
        page.open(f"{serving.url}/sign-in")
        page.until("document.querySelector('input[type=password]')")
        for kind, value in (("text", "owner"), ("password", serving.credentials["password"])):
            page.evaluate(
                f"(() => {{ const field = document.querySelector('input[type={kind}]');"
                f" field.value = {json.dumps(value)};"
                " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
            )
        page.until("!document.querySelector('button[type=submit]').disabled")
        page.evaluate("document.querySelector('button[type=submit]').click()")
        page.until("!location.pathname.includes('sign-in') && localStorage.getItem('auth._token.local')")
        page.open(f"{serving.url}/dataset/{dataset}/annotation-mode")
        page.until("document.body.innerText.includes('The markdown field')")
        # The plain field is shown in a frame, or as text.
        page.until("document.body.innerText.split('hostile text is HERE').length > 1")
        page.until("document.readyState === 'complete'")
        # Nothing marks the time by which a script would have run; what loads late is given two frames.
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
        if "SCREENSHOTS" in os.environ:
            page.screenshot(Path(os.environ["SCREENSHOTS"]) / "hostile.png")
        assert page.evaluate("top.__ran === undefined && document.title !== 'ran'")
        assert page.evaluate("document.querySelectorAll('button').length") > 3
        blocked = [e["params"]["entry"]["text"] for e in page.events if e.get("method") == "Log.entryAdded"]
        outside = {
            event["params"]["requestId"]
            for event in page.events
            if event.get("method") == "Network.requestWillBeSent"
            and event["params"]["request"]["url"].startswith(ELSEWHERE)
        }
        failed = {
            event["params"]["requestId"]
            for event in page.events
            if event.get("method") == "Network.loadingFailed"
            and event["params"].get("blockedReason") == "csp"
        }
    assert any("Content Security Policy" in text and "script" in text for text in blocked), blocked
    assert outside <= failed


def _hostile_dataset(serving: Serving) -> str:
    rg = pytest.importorskip("argilla", reason="needs the extra `review`")
    client = rg.Argilla(api_url=serving.url, api_key=serving.credentials["api_key"])
    settings = rg.Settings(
        guidelines=HOSTILE,
        fields=[
            rg.TextField(name="markdown", title="The markdown field", use_markdown=True, client=client),
            # The way that Argilla itself does not make safe.
            rg.TextField(name="plain", title="The plain field", use_markdown=False, client=client),
        ],
        questions=[
            rg.LabelQuestion(
                name="verdict", labels={"faulty": "<img src=x onerror=top.__ran=1>", "clean": "Clean"}
            ),
            rg.TextQuestion(name="why", use_markdown=True, required=False),
        ],
    )
    workspace = client.workspaces("review")
    dataset = rg.Dataset(
        name=f"d-{uuid.uuid4()}", workspace=workspace, settings=settings, client=client
    ).create()
    dataset.records.log(
        [
            rg.Record(
                fields={"markdown": HOSTILE, "plain": HOSTILE}, suggestions=[rg.Suggestion("why", HOSTILE)]
            )
        ]
    )
    return str(dataset.id)
