"""Thousands of requests to a hostile endpoint, by a process that is killed again and again.

Every item has to end answered or failed with a reason; none may be lost, and none asked again after its
answer was kept. What was on its way when the process died may be bought twice: that is counted.

    python benchmarks/hostile_endpoint.py [--items 5000] [--kills 20] [--seed 0] [--json]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from firstfault.annotate.engines.chat import Ask, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.fingerprint import Fingerprint
from firstfault.annotate.engines.ledger import Ledger
from hostile import HANG, Act, Hostile, seeded

ALWAYS = 50
"""One item in so many is refused for good."""


def asks(number: int) -> list[Ask]:
    return [Ask(f"k{n}", (Message(role="user", content=f"question {n}"),)) for n in range(number)]


def endpoint(url: str) -> Endpoint:
    return Endpoint(model="m", base_url=url, timeout=2.0, retries=8)


def work(url: str, path: Path, number: int) -> None:
    """What is killed: waits are cut to a hundredth, or the benchmark would mostly sleep."""
    import asyncio

    async def nap(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    with Ledger(path) as ledger:
        for answer in OpenAIChat(endpoint(url), ledger=ledger, pause=nap).ask(asks(number)):
            print(json.dumps([answer.key, answer.ending, answer.reason]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", nargs=2, metavar=("URL", "LEDGER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work[0], Path(arguments.work[1]), arguments.items)
        return
    failing = seeded(arguments.seed, extra=(HANG,))

    def plan(text: str, number: int) -> Act:
        is_refused = int(text.split()[-1]) % ALWAYS == 0
        return Act(400, message="the context is too long") if is_refused else failing(text, number)

    rng = random.Random(arguments.seed)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Hostile(plan) as server:
        path = Path(folder) / "ledger.sqlite"
        command = [sys.executable, __file__, "--items", str(arguments.items), "--work", server.url, str(path)]
        keys = {
            Fingerprint(endpoint(server.url)).of(ask): ask.messages[0].content
            for ask in asks(arguments.items)
        }
        kept: dict[str, int] = {}
        asked_again = 0
        for kill in range(arguments.kills):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            share = (kill + rng.random()) / (arguments.kills + 1)
            goal = max(len(server.answered) + 1, int(share * arguments.items * 0.9))
            server.wait_until(lambda server, goal=goal: len(server.answered) >= goal)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            server.wait_until(lambda server: server.in_flight == 0)
            asked_again += sum(server.asked[text] > count for text, count in kept.items())
            with Ledger(path) as ledger:
                read = ledger.read(list(keys)).items()
            kept = {keys[key]: server.asked[keys[key]] for key, one in read if '"message"' in one.raw}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        asked_again += sum(server.asked[text] > count for text, count in kept.items())
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        answered = server.answered
        figures = {
            "items": arguments.items,
            "kills": arguments.kills,
            "seconds": round(time.perf_counter() - started, 1),
            "attempts": server.asked.total(),
            "lost": arguments.items - len({key for key, _, _ in rows}),
            "asked_again_after_kept": asked_again,
            "bought_twice_in_flight": sum(count - 1 for count in answered.values()),
            "endings": Counter(ending for _, ending, _ in rows),
            "failed_for": Counter(reason for _, ending, reason in rows if ending == "failed"),
        }
    if arguments.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:24} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
