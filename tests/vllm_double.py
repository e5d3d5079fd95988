"""A server that speaks vLLM's API over a real model, run by transformers: the client is tested without vLLM.

Like vLLM it knows nothing of loops, and returns token ids.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from firstfault.annotate.engines.decoding import Stops, decode

KEY = "double-secret-0123456789"
MODEL = "tiny"


class VLLMDouble:
    """A server on a free port of the loopback, for the time of a `with`.

    Args:
        model: A causal model in evaluation mode.
        folder: What it says its model folder is.
        pad: Id of the padding token.
    """

    def __init__(self, model: Any, folder: Path, pad: int = 0) -> None:
        self.bodies: list[dict[str, Any]] = []
        """What was asked, in order."""
        self.statuses: list[int] = []
        """What the next requests are answered with instead."""
        self.answer: str | None = None
        """What every request is answered with instead."""
        self.meet: Callable[[], object] = lambda: None
        """Called by every request before it is worked on."""
        self._model, self._folder, self._pad = model, folder, pad
        self._one_at_a_time = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply(*double.listed(self.headers.get("authorization")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self._reply(*double.complete(body, self.headers.get("authorization")))

            def _reply(self, status: int, content: str) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content.encode())))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that breaks off is no failure of the server."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def listed(self, authorization: str | None) -> tuple[int, str]:
        if authorization != f"Bearer {KEY}":
            return 401, '{"error": "Unauthorized"}'
        limit = self._model.config.max_position_embeddings
        model = {"id": MODEL, "object": "model", "root": str(self._folder), "max_model_len": limit}
        return 200, json.dumps({"object": "list", "data": [model]})

    def complete(self, body: dict[str, Any], authorization: str | None) -> tuple[int, str]:
        self.bodies.append(body)
        self.meet()
        if self.statuses:
            status = self.statuses.pop(0)
            return status, json.dumps({"error": {"message": f"no {body['prompt']}", "code": status}})
        if self.answer is not None:
            return 200, self.answer
        if authorization != f"Bearer {KEY}":
            return 401, json.dumps({"error": "Unauthorized"})
        with self._one_at_a_time:
            choices = [self._choice(body, number) for number in range(body["n"])]
        return 200, json.dumps({"object": "text_completion", "choices": choices[::-1]})

    def _choice(self, body: dict[str, Any], number: int) -> dict[str, Any]:
        stops = Stops(body["max_tokens"], tuple(body["stop_token_ids"]), self._pad, lambda tokens: False)
        ids = body["prompt"]
        (row,) = decode(self._model, [ids], stops, body["temperature"], body["seed"] + number)
        choice = {"index": number, "text": "", "token_ids": row.tokens, "finish_reason": row.finish.value}
        return {**choice, "prompt_logprobs": self._prompt(ids)} if "prompt_logprobs" in body else choice

    def _prompt(self, ids: list[int]) -> list[dict[int, Any] | None]:
        import torch

        with torch.inference_mode():
            logits = self._model(input_ids=torch.tensor([ids])).logits[0].float()
        told = torch.log_softmax(logits, dim=-1)
        rows = [{token: {"logprob": float(told[at, token]), "rank": 1}} for at, token in enumerate(ids[1:])]
        return [None, *rows]
