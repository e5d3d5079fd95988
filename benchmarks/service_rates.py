"""How fast the service judges a large job, and how fast it answers reads with many verdicts in its database.

A job is judged symbolically, beside `firstfault judge` on the same file: abacus solutions, every other one
with a planted fault. Then reads at a fixed rate, each sent when it is due however long others take, while no
job runs: pages of verdicts by filters, whole verdicts, jobs. At last the page is opened in Chromium, with an
empty cache each time.

    python benchmarks/service_rates.py [--items 50000] [--jobs 2] [--rate 200] [--seconds 30] [--db URL]
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import aiohttp
import httpx
import numpy as np
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Split
from playwright.sync_api import sync_playwright

COMMAND = [sys.executable, "-m", "firstfault.cli.main"]
_DISTINCT = 2000


def write_solutions(path: Path, count: int) -> None:
    rows: list[dict[str, object]] = []
    for number, problem in enumerate(generate(Split.HELD_OUT, _DISTINCT, seed=0)):
        faulty = inject(problem, 0, ErrorType.EXECUTION, seed=number) if number % 2 else None
        solution = faulty.solution if faulty else right_solution(problem)
        rows.append({"problem": problem.question, "answer": problem.answer, "steps": solution.steps})
    with path.open("w", encoding="utf-8") as file:
        for number, row in zip(range(count), cycle(rows), strict=False):
            file.write(json.dumps({"id": f"s{number}", **row}) + "\n")


def resident(pid: int) -> int:
    """MiB in memory."""
    line = next(
        one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS")
    )
    return int(line.split()[1]) // 1024


def judge_by_command(path: Path) -> float:
    start = time.monotonic()
    out = path.with_suffix(".out.jsonl")
    subprocess.run(
        [*COMMAND, "judge", str(path), "--out", str(out), "--json"], check=True, capture_output=True
    )
    return time.monotonic() - start


def judge_by_service(url: str, pid: int, path: Path) -> None:
    with httpx.Client(base_url=url, timeout=600) as client, path.open("rb") as file:
        start, before = time.monotonic(), resident(pid)
        job = client.post("/v1/jobs", content=file).raise_for_status().json()
        posted, first, most, count = time.monotonic() - start, 0.0, before, 0
        with client.stream(
            "GET", f"/v1/jobs/{job['id']}/verdicts", params={"follow": True}, timeout=600
        ) as lines:
            for count, _ in enumerate(lines.iter_lines(), 1):
                if count == 1:
                    first = time.monotonic() - start
                if count % 5000 == 0:
                    most = max(most, resident(pid))
        whole = time.monotonic() - start
    print(
        f"service: {count} verdicts in {whole:.1f} s ({count / whole:.0f}/s); stored after {posted:.1f} s, "
        f"first verdict after {first:.1f} s; memory {before} MiB before, {most} MiB at most"
    )


def paths(count: int, jobs: list[str], verdicts: int) -> list[str]:
    rng = random.Random(0)
    kinds = [
        lambda: f"/v1/verdicts?limit=50&after={rng.randrange(verdicts)}",
        lambda: f"/v1/verdicts?limit=50&status=faulty&after={rng.randrange(verdicts)}",
        lambda: f"/v1/verdicts?limit=50&error_type=execution&job={rng.choice(jobs)}",
        lambda: f"/v1/verdicts/{rng.randrange(1, verdicts)}",
        lambda: f"/v1/jobs/{rng.choice(jobs)}",
    ]
    return [rng.choice(kinds)() for _ in range(count)]


async def read(url: str, asked: list[str], rate: float) -> np.ndarray:
    """Seconds that each read took, from when it was due."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as client:
        start = loop.time() + 0.1

        async def one(number: int, path: str) -> float:
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            async with client.get(path) as response:
                await response.read()
                assert response.status == 200, (path, response.status)
            return loop.time() - due

        return np.array(await asyncio.gather(*(one(number, path) for number, path in enumerate(asked))))


def view(url: str, pages: list[str], times: int) -> None:
    """Open pages in a browser that has seen nothing before."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("page: not opened, there is no chromium")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in pages:
            took: list[float] = []
            for _ in range(times):
                context = browser.new_context(base_url=url)
                page = context.new_page()
                page.goto(path)
                took.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
                context.close()
            said = f"{np.median(took):.0f} ms (median of {times}), {max(took):.0f} at most"
            print(f"page {path}: loaded after {said}")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--db", default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "solutions.jsonl"
        write_solutions(path, arguments.items)
        seconds = judge_by_command(path)
        print(f"command line: {arguments.items} in {seconds:.1f} s ({arguments.items / seconds:.0f}/s)")
        more = ["--db", arguments.db] if arguments.db else []
        command = [*COMMAND, "serve", "--port", "0", "--json", "--data", f"{folder}/data", *more]
        command += ["--runs", f"{folder}/runs"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            try:
                for _ in range(arguments.jobs):
                    judge_by_service(url, process.pid, path)
                jobs = [job["id"] for job in httpx.get(f"{url}/v1/jobs").json()["items"]]
                asked = paths(
                    round(arguments.rate * arguments.seconds), jobs, arguments.items * arguments.jobs
                )
                took = asyncio.run(read(url, asked, arguments.rate)) * 1000
                p50, p95, p99 = np.percentile(took, (50, 95, 99))
                said = f"p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, most {took.max():.0f} ms"
                print(f"{arguments.rate:g} reads a second: {said}")
                places = [
                    "/",
                    "/solutions",
                    f"/solutions?job={jobs[0]}&status=faulty&step=3",
                    "/solutions/77",
                ]
                view(url, places, 5)
            finally:
                process.send_signal(signal.SIGTERM)
        if not arguments.db:
            stored = sum(one.stat().st_size for one in Path(f"{folder}/data").glob("service.sqlite*"))
            print(f"database: {stored / (arguments.items * arguments.jobs):.0f} bytes a solution")


if __name__ == "__main__":
    main()
