"""A Batch API that does what real ones do on a bad day, on a free port of the loopback.

Files and batches live in memory. What a batch's results say is scripted by the text of each conversation and
how often it was answered before; they come shuffled, with a duplicate and a broken line. It counts how
often each request was submitted in a batch, and lets a test wait for that.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from hostile import OK, Act, body_of


class Fate(NamedTuple):
    """What becomes of one batch."""

    status: str = "completed"
    looks: int = 0
    """How often it is looked at before it ends."""
    code: str = ""
    """Of the error, where it failed as a whole."""


Plan = Callable[[str, int], Act | str | None]
"""From the last message and how often it was run before to an answer, the code of an error, or no line."""


class Batches:
    """The API, serving in threads of its own.

    Args:
        plan: What becomes of each request.
        fates: What becomes of the batches, in the order they are made; then all are completed.
        key: Answers 401 to any other.
    """

    def __init__(
        self, plan: Plan = lambda _text, _number: OK, *, fates: tuple[Fate, ...] = (), key: str = ""
    ) -> None:
        self.submitted: Counter[str] = Counter()
        self.ran: Counter[str] = Counter()
        self.lines: list[dict[str, Any]] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.refuse: list[tuple[str, int]] = []
        """Requests to fail: the start of the path, and the status; 0 does what was asked and cuts the
        connection before answering."""
        self.changed = threading.Condition()
        self._plan = plan
        self._fates = list(fates)
        self._key = key
        self._looks: Counter[str] = Counter()
        self._ends: dict[str, Fate] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api._serve(self, b"")

            def do_POST(self) -> None:
                api._serve(self, self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_until(self, condition: Callable[["Batches"], bool]) -> None:
        """Wait until something holds of what was submitted."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), timeout=120)

    def let_all_end(self) -> None:
        """Complete every batch, of now and later, at the next look."""
        with self.changed:
            self._fates.clear()
            self._ends = dict.fromkeys(self._ends, Fate())

    def _serve(self, request: BaseHTTPRequestHandler, data: bytes) -> None:
        path = request.path.partition("?")[0].removeprefix("/v1")
        with self.changed:
            cut = False
            for entry in self.refuse:
                if f"{request.command} {path}".startswith(entry[0]):
                    self.refuse.remove(entry)
                    if entry[1]:
                        self._send(request, entry[1], json.dumps({"error": {"message": "no"}}).encode())
                        return
                    cut = True
                    break
            if self._key and request.headers["authorization"] != f"Bearer {self._key}":
                said = f"Incorrect API key provided: {request.headers['authorization']}"
                self._send(request, 401, json.dumps({"error": {"message": said}}).encode())
                return
            status, answer = self._answer(request, path, data)
            self.changed.notify_all()
        if cut:
            request.close_connection = True
            request.connection.close()
            return
        self._send(request, status, answer)

    def _send(self, request: BaseHTTPRequestHandler, status: int, data: bytes) -> None:
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _answer(self, request: BaseHTTPRequestHandler, path: str, data: bytes) -> tuple[int, bytes]:
        if request.command == "POST" and path == "/files":
            boundary = request.headers["content-type"].partition("boundary=")[2].encode()
            part = next(part for part in data.split(b"--" + boundary) if b"filename=" in part)
            name = f"file-{len(self.files)}"
            self.files[name] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            return 200, json.dumps({"id": name, "object": "file", "purpose": "batch"}).encode()
        if request.command == "POST" and path == "/batches":
            return 200, json.dumps(self._make(json.loads(data))).encode()
        if path == "/batches":
            return 200, json.dumps(
                {"object": "list", "data": list(self.batches.values()), "has_more": False}
            ).encode()
        if path.startswith("/batches/") and (batch := self.batches.get(path.split("/")[2])):
            return 200, json.dumps(self._looked_at(batch)).encode()
        if path.startswith("/files/") and path.split("/")[2] in self.files:
            return 200, self.files[path.split("/")[2]]
        return 404, json.dumps({"error": {"message": "no such thing"}}).encode()

    def _make(self, wanted: dict[str, Any]) -> dict[str, Any]:
        name = f"batch_{len(self.batches)}"
        lines = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
        for line in lines:
            self.submitted[line["body"]["messages"][-1]["content"]] += 1
        self.lines += lines
        self._ends[name] = self._fates.pop(0) if self._fates else Fate()
        self.batches[name] = {
            **wanted,
            "id": name,
            "object": "batch",
            "status": "validating",
            "created_at": 1,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        return self.batches[name]

    def _looked_at(self, batch: dict[str, Any]) -> dict[str, Any]:
        fate = self._ends[batch["id"]]
        self._looks[batch["id"]] += 1
        if self._looks[batch["id"]] <= fate.looks:
            batch["status"] = "in_progress"
        elif batch["status"] in ("validating", "in_progress"):
            batch["status"] = fate.status
            if fate.status == "failed":
                error = {"code": fate.code, "message": "the batch can't be run"}
                batch["errors"] = {"object": "list", "data": [error]}
            else:
                self._run(batch)
        return batch

    def _run(self, batch: dict[str, Any]) -> None:
        good, bad = list[str](), list[str]()
        for line in map(json.loads, self.files[batch["input_file_id"]].splitlines()):
            text = line["body"]["messages"][-1]["content"]
            act = self._plan(text, self.ran[text])
            self.ran[text] += 1
            if act is None:
                continue
            row: dict[str, Any] = {"id": "r", "custom_id": line["custom_id"], "response": None, "error": None}
            if isinstance(act, str):
                row["error"] = {"code": act, "message": "This request could not be executed."}
            else:
                body = body_of(act) if act.body is None else act.body
                row["response"] = {"status_code": act.status, "request_id": "q", "body": json.loads(body)}
            (good if isinstance(act, Act) and act.status == 200 else bad).append(json.dumps(row))
        random.Random(0).shuffle(good)
        stray = json.dumps(
            {"custom_id": "x" * 64, "response": {"status_code": 200, "body": {}}, "error": None}
        )
        noise = ["{half a line", stray, *good[:1]]
        for rows, field in (([*good, *noise], "output_file_id"), (bad, "error_file_id")):
            if rows:
                batch[field] = f"{batch['id']}-{field}"
                self.files[batch[field]] = "\n".join(rows).encode() + b"\n"
