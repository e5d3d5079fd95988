"""The same requests through our driver and through the runners of distilabel and bespokelabs-curator.

A server in a process of its own answers every request after 100 ms. Each peer runs in an environment of
its own, named by its Python, and asks the same conversations at the same concurrency.

    python -m venv D && D/bin/pip install "distilabel[openai]" requests pillow
    python -m venv C && C/bin/pip install bespokelabs-curator
    python benchmarks/peer_overhead.py --distilabel D/bin/python --curator C/bin/python [--asks 2000] [--json]
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

from firstfault.annotate.engines.endpoint import Endpoint
from judge_overhead import conversations, ours, start_server

PEERS = Path(__file__).resolve().parent / "peers"


def peer(name: str, python: Path, url: str, asks: int, concurrency: int) -> dict[str, float]:
    """Run a peer's script; what it prints last is its result."""
    command = [str(python), str(PEERS / f"{name}_runner.py"), url, str(asks), str(concurrency)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--distilabel", type=Path)
    parser.add_argument("--curator", type=Path)
    parser.add_argument("--asks", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    server, url = start_server(arguments.delay)
    asks = conversations(arguments.asks)
    started = time.perf_counter()
    answered = ours(Endpoint(model="m", base_url=url, concurrency=arguments.concurrency), asks, None)
    results = {"ours": {"answers": answered, "seconds": time.perf_counter() - started}}
    for name in ("distilabel", "curator"):
        python = getattr(arguments, name)
        if python is not None:
            results[name] = peer(name, python, url, arguments.asks, arguments.concurrency)
    server.terminate()
    for result in results.values():
        result["per_second"] = result["answers"] / result["seconds"]
        result["ours_is_faster"] = results["ours"]["per_second"] / result["per_second"]
    if arguments.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        print(
            f"{name:12}{result['answers']:>8} answers{result['seconds']:>9.1f} s"
            f"{result['per_second']:>9.0f} /s{result['ours_is_faster']:>7.1f} x"
        )


if __name__ == "__main__":
    main()
