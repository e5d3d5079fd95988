"""What asking costs beyond waiting: our driver against a plain loop over the same client.

A server in a process of its own answers every request after 100 ms. Asked are the same conversations, at
the same concurrency, through `OpenAIChat`: with and without a ledger; and, when all is in the ledger, what a
resumed run takes to see that (`decided`) and to read it all (`resumed`). Then through `asyncio.gather` and a
semaphore over the official client: as it comes (`plain`), and with the transport that `OpenAIChat` gives it
(`plain_aiohttp`). The ideal is concurrency / delay; processor time is that of the asking process alone, and
tells how many a second one core could ask.

    python benchmarks/judge_overhead.py [--asks 10000] [--concurrency 256] [--delay 0.1] [--only WAY ...]
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from firstfault.annotate.engines.chat import Ask, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.ledger import Ledger

VERDICT = json.dumps({"steps": [{"reason": "sound", "verdict": "sound"}] * 6, "first_fault": None})


def response(content: str) -> bytes:
    """Return what a server sends, headers and all."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 700, "completion_tokens": 150, "total_tokens": 850}
    whole = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    body = json.dumps(whole).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


class Late(asyncio.Protocol):
    """As little of a server as will do, so that what is measured is the client."""

    def __init__(self, delay: float, response: bytes) -> None:
        self._delay = delay
        self._response = response
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while True:
            head, mark, rest = self._held.partition(b"\r\n\r\n")
            if not mark:
                return
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._held = rest[length:]
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, self._response)


def serve(delay: float, tell: Connection, content: str = VERDICT) -> None:
    async def forever() -> None:
        loop, answer = asyncio.get_running_loop(), response(content)
        server = await loop.create_server(lambda: Late(delay, answer), "127.0.0.1", 0, backlog=4096)
        tell.send(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(forever())


def start_server(delay: float, content: str = VERDICT) -> tuple[BaseProcess, str]:
    """Start a server in a process of its own; return it and its address."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(delay, there, content), daemon=True)
    server.start()
    return server, f"http://127.0.0.1:{here.recv()}/v1"


def conversations(count: int) -> list[Ask]:
    """Make requests of about the length of a judge's."""
    system = Message(role="system", content="Find the first faulty step. " * 40)
    return [
        Ask(str(number), (system, Message(role="user", content=f"{number}: " + "2 + 2 = 4\n" * 60)))
        for number in range(count)
    ]


def plain(endpoint: Endpoint, asks: list[Ask], *, over_aiohttp: bool = False) -> int:
    """Ask as most scripts do; the time-outs are longer, so that it also ends on a busy machine."""
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async def all_of_them() -> int:
        most = endpoint.concurrency
        limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most)
        client = AsyncOpenAI(
            api_key="none",
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=3600,
            http_client=DefaultAioHttpClient(limits=limits) if over_aiohttp else None,
        )
        turns = asyncio.Semaphore(endpoint.concurrency)

        async def one(ask: Ask) -> str | None:
            async with turns:
                done = await client.chat.completions.create(
                    model=endpoint.model,
                    messages=[{"role": m.role, "content": m.content} for m in ask.messages],
                    max_tokens=endpoint.max_tokens,
                )
                return done.choices[0].message.content

        answers = await asyncio.gather(*(one(ask) for ask in asks))
        await client.close()
        return sum(answer == VERDICT for answer in answers)

    return asyncio.run(all_of_them())


def ours(endpoint: Endpoint, asks: list[Ask], ledger: Path | None) -> int:
    if ledger is None:
        return sum(answer.text == VERDICT for answer in OpenAIChat(endpoint).ask(asks))
    with Ledger(ledger) as opened:
        return sum(answer.text == VERDICT for answer in OpenAIChat(endpoint, ledger=opened).ask(asks))


def decided(endpoint: Endpoint, asks: list[Ask], ledger: Path) -> int:
    """What a resumed run does before it asks: find out what has no answer yet."""
    with Ledger(ledger) as opened:
        return len(asks) - sum(1 for _ in OpenAIChat(endpoint, ledger=opened).unanswered(asks))


WAYS = ("ours", "ours_with_ledger", "ours_decided", "ours_resumed", "plain_aiohttp", "plain")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--asks", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    server, url = start_server(arguments.delay)
    endpoint = Endpoint(model="m", base_url=url, concurrency=arguments.concurrency)
    asks = conversations(arguments.asks)
    figures: dict[str, float] = {"ideal_per_second": arguments.concurrency / arguments.delay}
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "ours": lambda: ours(endpoint, asks, None),
            "ours_with_ledger": lambda: ours(endpoint, asks, Path(folder) / "ledger.sqlite"),
            "ours_decided": lambda: decided(endpoint, asks, Path(folder) / "ledger.sqlite"),
            "ours_resumed": lambda: ours(endpoint, asks, Path(folder) / "ledger.sqlite"),
            "plain_aiohttp": lambda: plain(endpoint, asks, over_aiohttp=True),
            "plain": lambda: plain(endpoint, asks),
        }
        for name in (name for name in WAYS if name in arguments.only):
            way = ways[name]
            started, busy = time.perf_counter(), time.process_time()
            right = way()
            assert right == len(asks), (name, right)
            seconds = time.perf_counter() - started
            busy = time.process_time() - busy
            figures[f"{name}_per_second"] = round(len(asks) / seconds, 1)
            figures[f"{name}_cpu_ms_each"] = round(busy / len(asks) * 1e3, 3)
            figures[f"{name}_per_cpu_second"] = round(len(asks) / busy, 1)
    server.terminate()
    if arguments.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:32} {value:>10,.3f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
