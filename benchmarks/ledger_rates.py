"""How many answers a second a ledger takes: a file, and a PostgreSQL that processes share.

Every process claims keys of its own, stores an answer of 2 kB to each and settles it, so many to a
transaction as are gathered while the last one was written (`--together`; a judge alone gathers one, a busy
one about a hundred). PostgreSQL is one that is started for the time of the benchmark, as it comes but for
its port; `--url` measures another one. Its database should be empty.

    python benchmarks/ledger_rates.py [--answers 2000] [--together 1 16 128] [--processes 1 4] [--url URL]
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from multiprocessing.synchronize import Barrier
from pathlib import Path

from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.ledger_place import LedgerPlace, place_of
from firstfault.datasets.records import Usage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
RAW = json.dumps({"choices": [{"message": {"content": "x" * 1900}}], "usage": {"prompt_tokens": 700}})
USAGE = Usage(requests=1, prompt_tokens=700, completion_tokens=150)


def fill(place: LedgerPlace, answers: int, together: int, start: Barrier) -> None:
    """Write answers under keys that nobody else has."""
    with Ledger(place) as ledger:
        keys = [uuid.uuid4().hex * 2 for _ in range(answers)]
        start.wait()
        for first in range(0, answers, together):
            part = keys[first : first + together]
            assert ledger.claim(part).mine == set(part)
            with ledger.transaction():
                for key in part:
                    ledger.store(key, "https://example.org/v1", "m", RAW, 1.5)
            with ledger.transaction():
                for key in part:
                    ledger.settle(key, USAGE, 0.001)


def rate(place: LedgerPlace, answers: int, together: int, processes: int) -> float:
    """Return answers per second of all processes."""
    Ledger(place).close()
    spawning = multiprocessing.get_context("spawn")
    start = spawning.Barrier(processes + 1)
    each = answers // processes
    running = [spawning.Process(target=fill, args=(place, each, together, start)) for _ in range(processes)]
    for process in running:
        process.start()
    start.wait()
    began = time.perf_counter()
    for process in running:
        process.join()
    seconds = time.perf_counter() - began
    assert all(process.exitcode == 0 for process in running)
    return each * processes / seconds


def main() -> None:
    """Print a row for every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--together", type=int, nargs="+", default=[1, 16, 128])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--url")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = options.url
        if url is None:
            from postgres import Postgres, programs

            installed = programs()
            if installed is not None:
                url = stack.enter_context(Postgres(installed, fsync=True)).database()
        print(f"{'':12}{'processes':>10}{'together':>10}{'answers/s':>11}")
        for processes in options.processes:
            for together in options.together:
                places = {"sqlite": folder / f"{processes}-{together}.sqlite"}
                places |= {"postgresql": place_of(url)} if url else {}
                for name, place in places.items():
                    found = rate(place, options.answers, together, processes)
                    print(f"{name:12}{processes:>10}{together:>10}{found:>11,.0f}", flush=True)


if __name__ == "__main__":
    main()
