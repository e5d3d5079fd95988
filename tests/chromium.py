"""A headless Chromium that is driven through its debugging pipe: no driver, no port."""

import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_TIMEOUT = 120.0


class Page:
    """One page of a browser of its own, for the time of a `with`.

    Args:
        profile: An empty folder for the browser.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self.events: list[dict[str, Any]] = []
        """All that the browser told so far, as the protocol has it."""
        self._rest = b""
        self._asked = 0
        self._session: str | None = None

    def __enter__(self) -> Self:
        for_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        assert CHROMIUM is not None
        # The browser reads from file descriptor 3 and writes to 4.
        script = f'exec "$0" "$@" 3<&{for_browser} 4>&{from_browser}'
        arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--remote-debugging-pipe", f"--user-data-dir={self._profile}", "--window-size=1500,1000",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", script, CHROMIUM, *arguments],
            pass_fds=(for_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(for_browser)
        os.close(from_browser)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._asked:
                if "error" in told:
                    raise RuntimeError(told["error"]["message"])
                return told["result"]
            self.events.append(told)

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; promises are awaited."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def until(self, condition: str) -> Any:
        """Wait until a JavaScript expression is true, also across pages, and return its value."""
        wait = (
            "new Promise(done => { const look = () => { let value; try { value = " + condition + " } catch {}"
            " value ? done(value) : setTimeout(look, 30) }; look() })"
        )
        while True:
            try:
                return self.evaluate(wait)
            except RuntimeError as error:
                # The page it was asked of is gone.
                if "navigated" not in str(error) and "context" not in str(error):
                    raise

    def screenshot(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        import base64

        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], _TIMEOUT)[0]:
                raise TimeoutError(f"nothing from the browser for {_TIMEOUT:.0f} s")
            read = os.read(self._from, 1 << 20)
            if not read:
                raise RuntimeError("the browser is gone")
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
