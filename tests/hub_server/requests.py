"""Requests as such: which fault meets them, who sends them, what is answered."""

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from .repository import File, Repo

if TYPE_CHECKING:
    from .server import HubServer

WRITER, READER = "hf_" + "writer" * 4, "hf_" + "reader" * 4
"""Tokens: of `me`, who may write, and of somebody who may read public repositories only."""


class Requests(BaseHTTPRequestHandler):
    """One connection's requests."""

    server_state: "HubServer"
    routes: ClassVar[list[tuple[str, Callable[..., None]]]] = []
    """Patterns of `METHOD /path`, and what answers them with the groups found."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        hub = self.server_state
        parts = urlsplit(self.path)
        path, self.query = unquote(parts.path), parse_qs(parts.query)
        line = f"{self.command} {path}"
        with hub.lock:
            hub.requests.append(line)
            fault = next((one for one in hub.faults if one.times != 0 and re.search(one.at, line)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
        length = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.cut is not None:
            self.rfile.read(min(length, fault.cut))
            self._hang_up()
            return
        self.body = self.rfile.read(length)
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.status is not None:
            self._error(fault.status, "as told")
            return
        self.silent = fault is not None and fault.lost
        try:
            self._answer(line)
        finally:
            if fault is not None:
                fault.handled.set()

    def _answer(self, line: str) -> None:
        with self.server_state.lock:
            for pattern, answer in self.routes:
                if match := re.fullmatch(pattern, line):
                    found = match.groupdict()
                    if "kind" in found and not (found.pop("kind") or "").startswith("datasets"):
                        found["repo"] = f"models/{found['repo']}"
                    answer(self, **found)
                    break
            else:
                self._error(404, f"unknown route {line}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
        if getattr(self, "silent", False):
            self._hang_up()
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, message: str, code: str | None = None) -> None:
        headers = {"Content-Type": "application/json", "X-Error-Message": message}
        if code:
            headers["X-Error-Code"] = code
        self._send(status, json.dumps({"error": message}).encode(), headers)

    # -- who may do what -----------------------------------------------------------------------

    def _token(self) -> str | None:
        said = self.headers.get("Authorization", "")
        return said.removeprefix("Bearer ") or None

    def _may_write(self) -> bool:
        token = self._token()
        if token not in (WRITER, READER):
            self._error(401, "Invalid credentials in Authorization header")
            return False
        if token == READER:
            self._error(403, "You don't have the rights")
            return False
        return True

    def _repo(self, repo: str) -> Repo | None:
        token = self._token()
        if token is not None and token not in (WRITER, READER):
            self._error(401, "Invalid credentials in Authorization header")
            return None
        found = self.server_state.repos.get(repo)
        if found is None or (found.private and token != WRITER):
            self._error(404 if token else 401, "Repository not found", "RepoNotFound")
            return None
        return found

    def _at(self, repo: str, revision: str) -> tuple[str, dict[str, File]] | None:
        found = self._repo(repo)
        if found is None:
            return None
        files = found.at(revision)
        if files is None:
            self._error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return files
