"""An endpoint that does what real ones do on a bad day, on a free port of the loopback.

What it does is scripted: by the text of a conversation (`plan`), or drawn by a seed. It counts how often
each conversation was asked and how often it was answered: a 200 whose whole body was sent. The seed of
`seeded` and the text decide what happens, whatever the order of requests.
"""

import asyncio
import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple, Self


class Act(NamedTuple):
    """What is done with one request."""

    status: int = 200
    content: str | None = '{"verdict": "clean"}'
    headers: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"
    usage: Any = {"prompt_tokens": 10, "completion_tokens": 5}
    message: Any = None
    """Of the error, or more fields of the message."""
    body: str | None = None
    """Sent as it is, in place of all the above."""
    end: str = "whole"
    """`hang` (nothing is sent), `reset` (half the body, then the connection is cut), `slow` (in pieces),
    `garbage` (no HTTP), `cut` (the connection ends without an answer)."""


OK = Act()
CROWDED = Act(429)
HANG = Act(end="hang")
RESET = Act(end="reset")
SLOW = Act(end="slow")
GARBAGE = Act(end="garbage")
CUT = Act(end="cut")
ODD = (
    Act(content='{"verdict": 12, "other": []}'),
    Act(content='Sure! Here it is: {"verdict": "clean"} Anything else?'),
    Act(content='```json\n{"verdict": "clean"}\n```'),
    Act(content='{"verdict": "cl', finish="length"),
    Act(content=None, message={"refusal": "I can't help with that."}),
    Act(content="", finish="content_filter"),
    Act(usage={"prompt_tokens": -3, "completion_tokens": "many"}),
    Act(usage=None),
)
PASSING = (
    CROWDED,
    Act(429, headers=(("retry-after", "1"),)),
    Act(429, headers=(("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),)),
    Act(500),
    Act(503, headers=(("retry-after", "0"),)),
    RESET,
    SLOW,
    Act(body="<html>502</html>"),
    Act(body='{"choices": []}'),
)

Plan = Callable[[str, int], Act]
"""From the last message and how often it was asked before to what is done."""


def scripted(*acts: Act, then: Act = OK) -> Plan:
    """Do these to each conversation in turn, then always the last."""
    return lambda _, number: acts[number] if number < len(acts) else then


FRIENDLY = scripted()


def seeded(seed: int, share: float = 0.4, extra: Iterable[Act] = ()) -> Plan:
    """Fail a share of all attempts in every way there is; answer the rest, a third of it oddly."""
    failures = (*PASSING, *extra)

    def plan(text: str, number: int) -> Act:
        digest = hashlib.sha256(f"{seed}|{text}|{number}".encode()).digest()
        rng = random.Random(digest)
        if rng.random() < share:
            return rng.choice(failures)
        return rng.choice(ODD) if rng.random() < 1 / 3 else OK

    return plan


class Hostile:
    """The endpoint, serving in a thread of its own.

    Args:
        plan: What to do with each request.
        delay: Seconds before each answer.
        refuses_schemas: Answers 400 to every `response_format`.
        key: Answers 401 to any other key, and quotes the one that came.
    """

    def __init__(
        self, plan: Plan = FRIENDLY, *, delay: float = 0.0, refuses_schemas: bool = False, key: str = ""
    ) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.in_flight = 0
        self.most_in_flight = 0
        self.changed = threading.Condition()
        self.port = 0
        self._plan = plan
        self._delay = delay
        self._refuses_schemas = refuses_schemas
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024), self._loop
        ).result()
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hurry(self) -> None:
        """Answer at once from now on."""
        self._delay = 0.0

    def wait_until(self, condition: Callable[["Hostile"], bool], *, seconds: float = 120) -> None:
        """Wait until something holds of the counts."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), timeout=seconds)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
        text = body["messages"][-1]["content"]
        number = self.asked[text]
        with self.changed:
            self.asked[text] += 1
            self.bodies.append(body)
            self.keys.add(headers.get("authorization", ""))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.changed.notify_all()
        try:
            act = self._act(text, number, body, headers.get("authorization", ""))
            if self._delay:
                await asyncio.sleep(self._delay)
            is_whole = await self._send(act, reader, writer)
        finally:
            with self.changed:
                self.in_flight -= 1
                self.changed.notify_all()
        if is_whole and act.status == 200 and act.body is None:
            with self.changed:
                self.answered[text] += 1
                self.changed.notify_all()
        return is_whole

    def _act(self, text: str, number: int, body: dict[str, Any], authorization: str) -> Act:
        if self._key and authorization != f"Bearer {self._key}":
            return Act(401, message=f"Incorrect API key provided: {authorization}")
        if self._refuses_schemas and "response_format" in body:
            return Act(400, message="response_format json_schema is not supported")
        return self._plan(text, number)

    async def _send(self, act: Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if act.end == "hang":
            await reader.read()
            return False
        if act.end in ("garbage", "cut"):
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n" if act.end == "garbage" else b"")
            return False
        data = (body_of(act) if act.body is None else act.body).encode()
        lines = [f"HTTP/1.1 {act.status} X", "content-type: application/json", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in act.headers]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if act.end == "reset":
            writer.write(data[: len(data) // 2])
            with suppress(ConnectionError):
                await writer.drain()
            writer.transport.abort()
            return False
        if act.end == "slow":
            for start in range(0, len(data), 64):
                writer.write(data[start : start + 64])
                await writer.drain()
                await asyncio.sleep(0.001)
        else:
            writer.write(data)
        await writer.drain()
        # To a client that is gone nothing was sent, though the socket may have taken it.
        return not (reader.at_eof() or writer.is_closing())


def body_of(act: Act) -> str:
    """Return the body of a response as OpenAI would write it."""
    if act.status != 200:
        error = act.message if isinstance(act.message, dict) else {"message": act.message or "no"}
        return json.dumps({"error": error})
    more = act.message if isinstance(act.message, dict) else {}
    message = {"role": "assistant", "content": act.content, **more}
    choice = {"index": 0, "message": message, "finish_reason": act.finish}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": act.usage})
