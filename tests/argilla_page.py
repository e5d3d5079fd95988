"""Argilla's web page as a reviewer uses it: logging in, reading records, going on to the next."""

import json
from typing import Any, Self

from chromium import Page

_SHOWN = """(() => {
    const record = document.querySelector('.record .content-area');
    const text = element => element.textContent;
    return record && {
        record: record.id.slice(-36),
        fields: [...document.querySelectorAll('.record .markdown-render')].map(text),
        suggested: [...document.querySelectorAll('.questions .markdown-render')].map(text),
    };
})()"""
_KEYS = {"Enter": ("Enter", 13), "Escape": ("Escape", 27), "Backspace": ("Backspace", 8), "Tab": ("Tab", 9)}
"""Code and number of keys that are no letters or digits."""


class ArgillaPage(Page):
    """A browser with Argilla's page, for the time of a `with`.

    Args:
        profile: An empty folder for the browser.
        url: Of the server.
    """

    def __init__(self, profile: Any, url: str) -> None:
        super().__init__(profile)
        self._url = url

    def __enter__(self) -> Self:
        super().__enter__()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=1500, height=1000, deviceScaleFactor=1, mobile=False
        )
        return self

    def log_in(self, username: str, password: str) -> None:
        """Log in through the log-in page."""
        self.open(f"{self._url}/sign-in")
        self.until("!!document.querySelector('input[type=password]')")
        for kind, value in (("text", username), ("password", password)):
            self.evaluate(
                f"(() => {{ const field = document.querySelector('input[type={kind}]');"
                f" field.value = {json.dumps(value)};"
                " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
            )
        self.until("!document.querySelector('button[type=submit]').disabled")
        self.evaluate("document.querySelector('button[type=submit]').click()")
        self.until("!location.pathname.includes('sign-in') && !!localStorage.getItem('auth._token.local')")

    def open_dataset(self, dataset: str) -> None:
        """Open a dataset at its first record without an answer of this user."""
        self.open(f"{self._url}/dataset/{dataset}/annotation-mode")
        self.until(f"!!{_SHOWN}")

    def shown(self) -> dict[str, Any]:
        """Return the id of the record, and the texts of its fields and suggestions as they are shown."""
        return self.evaluate(_SHOWN)

    def record(self) -> str:
        """Return the id of the record that is shown."""
        return self.shown()["record"]

    def pick(self, question: str, label: str) -> None:
        """Click a label of a question."""
        self.evaluate(f"document.getElementById({json.dumps(f'{question}_{label}')}).click()")
        self.settle()

    def picked(self) -> list[str]:
        """Return the labels that are picked, as question and label."""
        return self.evaluate(
            "[...document.querySelectorAll('.questions input:checked')].map(each => each.id)"
        )

    def write(self, title: str, text: str) -> None:
        """Click a text question and write a text in the place of what is there."""
        question = (
            "[...document.querySelectorAll('.questions .wrapper')]"
            f".find(each => each.innerText.trim().startsWith({json.dumps(title)}))"
        )
        self.until(f"!!{question}")
        # A script's click would not give it the focus.
        x, y = self.evaluate(
            f"(() => {{ const box = {question}.querySelector('.container').getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.until("document.activeElement.isContentEditable")
        self.evaluate("document.execCommand('selectAll')")
        self.call("Input.insertText", text=text)
        self.press("Escape")
        self.settle()

    def press(self, key: str, *, control: bool = False) -> None:
        """Press a key."""
        code, number = _KEYS.get(key) or (
            f"Digit{key}" if key.isdigit() else f"Key{key.upper()}",
            ord(key.upper()),
        )
        pressed = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 2 * control}
        typed = {} if control or len(key) > 1 else {"text": key}
        self.call("Input.dispatchKeyEvent", type="keyDown", **pressed, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def await_other(self, record: str) -> None:
        """Wait until another record than this is shown."""
        self.until(f"!!{_SHOWN} && {_SHOWN}.record !== {json.dumps(record)}")
        self.settle()

    def go_on(self) -> None:
        """Go to the next record."""
        before = self.record()
        self.evaluate("document.querySelector('[aria-label^=Next]').click()")
        self.await_other(before)

    def settle(self) -> None:
        """Wait until what has changed is drawn."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def asked(self) -> list[str]:
        """Return what was asked of other hosts, whether or not the policy of the page stopped it."""
        return [url for url, _ in self._outside()]

    def mischief(self) -> list[str]:
        """Return what a page that only shows text does not do: others' scripts, dialogs, other hosts."""
        found = [f"canary {self.evaluate('String(top.__xss)')}"] if self.evaluate("'__xss' in top") else []
        found += [f"request {url}" for url, stopped in self._outside() if not stopped]
        for event in self.events:
            method, said = event.get("method"), event.get("params", {})
            if method == "Page.javascriptDialogOpening":
                found.append(f"dialog {said['message']}")
            if method == "Page.frameNavigated" and not said["frame"]["url"].startswith((self._url, "about:")):
                found.append(f"navigation {said['frame']['url']}")
        return found

    def _outside(self) -> list[tuple[str, bool]]:
        stopped = {
            event["params"]["requestId"]
            for event in self.events
            if event.get("method") == "Network.loadingFailed"
            and event["params"].get("blockedReason") == "csp"
        }
        return [
            (event["params"]["request"]["url"], event["params"]["requestId"] in stopped)
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
            and not event["params"]["request"]["url"].startswith((self._url, "data:", "blob:", "about:"))
        ]
