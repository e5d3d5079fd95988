"""The measure stage through the vLLM engine against a hand-written loop that keeps the same server as busy.

The bundled model, rounded to 4 bits, solves the same held-out problems both ways, in turn, on one server.
Ours is the whole stage: tokens, requests, loops looked for, every answer journaled on disk, graded, and
written as Parquet. Theirs renders and tokenizes, posts as many requests at a time, and counts the tokens
of the answers.

    python benchmarks/vllm_engine.py [--python VLLM/bin/python] [--problems 300] [--rounds 5] [--json]
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from firstfault.annotate.engines.engine import Prompt
from firstfault.annotate.engines.vllm import VLLMEngine
from firstfault.annotate.engines.vllm_server import Served
from firstfault.datasets.records import Split
from firstfault.loop.config import RunConfig
from firstfault.loop.folder import RunFolder
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.loop.stages import make_problems, quantize_variants, solve

VARIANT = "rtn-w4g32"


def ours(models: Models, folder: RunFolder, reporter: Reporter) -> tuple[int, float]:
    """Tokens and seconds of the measure stage."""
    folder.solutions_path(VARIANT, Split.HELD_OUT).unlink(missing_ok=True)
    started = time.perf_counter()
    solve(models, folder, reporter, VARIANT, Split.HELD_OUT)
    seconds = time.perf_counter() - started
    return sum(one.tokens for one in folder.solutions(VARIANT, Split.HELD_OUT)), seconds


def by_hand(engine: VLLMEngine, served: Served, folder: RunFolder, config: RunConfig) -> tuple[int, float]:
    """Tokens and seconds of the loop."""
    started = time.perf_counter()
    problems = folder.problems(Split.HELD_OUT)
    prompts = engine.tokens.encode([Prompt(one.id, one.question) for one in problems])

    async def loop() -> int:
        waiting, total = iter(prompts), 0
        headers = {"Authorization": f"Bearer {served.key}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def worker() -> None:
                nonlocal total
                for ids in waiting:
                    body = {"model": served.model, "prompt": ids, "temperature": 0.0, "stop_token_ids": [2]}
                    body["max_tokens"] = config.sampling.max_tokens
                    async with session.post(f"{served.url}/completions", json=body) as answer:
                        total += (await answer.json())["usage"]["completion_tokens"]

            await asyncio.gather(*(worker() for _ in range(config.engine.concurrency)))
        return total

    return asyncio.run(loop()), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, help="Interpreter of an environment that has vLLM.")
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    config = RunConfig.model_validate(
        {
            "problems": {"abacus": {"mining": 5, "held_out": arguments.problems}},
            "variants": [{"method": "rtn", "scheme": "W4A16", "group_size": 32}],
            "engine": {"name": "vllm", "python": arguments.python, "concurrency": arguments.concurrency},
        }
    )
    reporter = Reporter()
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(Path(scratch) / "run")
        folder.claim(config)
        make_problems(config, folder)
        with Models(config, folder, reporter) as models:
            quantize_variants(models, folder, reporter)
            engine = models.load(VARIANT)
            assert isinstance(engine, VLLMEngine)
            served = engine.served
            # Warm: the server keeps the keys and values of prompts that it has seen.
            by_hand(engine, served, folder, config)
            ours(models, folder, reporter)
            for number in range(arguments.rounds):
                # Who is first changes, so that a machine that gets slower or faster favours nobody.
                sides = ["ours", "by_hand"] if number % 2 == 0 else ["by_hand", "ours"]
                measured: dict[str, float] = {}
                for side in sides:
                    tokens, seconds = (
                        ours(models, folder, reporter)
                        if side == "ours"
                        else by_hand(engine, served, folder, config)
                    )
                    measured[side] = tokens / seconds
                rounds.append(measured)
    ratios = [one["ours"] / one["by_hand"] for one in rounds]
    result = {
        "problems": arguments.problems,
        "concurrency": arguments.concurrency,
        "tokens_per_second": {
            side: round(statistics.median(one[side] for one in rounds)) for side in ("ours", "by_hand")
        },
        "ratios": [round(ratio, 3) for ratio in ratios],
        "median_ratio": round(statistics.median(ratios), 3),
    }
    if arguments.json:
        print(json.dumps(result))
        return
    speeds = result["tokens_per_second"]
    print(f"measure stage  {speeds['ours']:>6} tokens/s\nby hand        {speeds['by_hand']:>6} tokens/s")
    print(f"median ratio of {len(ratios)} rounds: {result['median_ratio']:.1%}")


if __name__ == "__main__":
    main()
