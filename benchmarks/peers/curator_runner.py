"""Ask an endpoint through bespokelabs-curator's OpenAI runner; in an environment that has curator.

Curator counts tokens with tables that it fetches from the internet. They are replaced by a count that costs
nothing, so that it runs without; that is in its favour.

    python curator_runner.py URL ASKS CONCURRENCY

Prints as JSON: answers, seconds, and the largest size of the process in KiB.
"""

import json
import os
import resource
import sys
import time

os.environ |= {"CURATOR_DISABLE_CACHE": "1", "TELEMETRY_ENABLED": "0", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
os.environ.setdefault("OPENAI_API_KEY", "none")

import tiktoken


class FreeCount:
    """Four characters are a token."""

    def encode(self, text: str, **kwargs: object) -> range:
        return range(len(text) // 4)


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda *args, **kwargs: FreeCount()

from bespokelabs import curator  # noqa: E402

SYSTEM = "Find the first faulty step. " * 40


class Judge(curator.LLM):
    """Sends the rows as they are."""

    def prompt(self, row: dict) -> list[dict]:
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row["text"]}]

    def parse(self, row: dict, response: str) -> list[dict]:
        return [{"answer": response}]


def main() -> None:
    url, asks, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    judge = Judge(
        model_name="m",
        backend="openai",
        backend_params={
            "base_url": url,
            "max_concurrent_requests": concurrency,
            "max_requests_per_minute": 10**9,
            "max_tokens_per_minute": 10**12,
        },
    )
    rows = [{"text": f"{number}: " + "2 + 2 = 4\n" * 60} for number in range(asks)]
    started = time.perf_counter()
    made = judge(rows)
    seconds = time.perf_counter() - started
    table = made.dataset if hasattr(made, "dataset") else made
    print(
        json.dumps(
            {
                "answers": sum(row["answer"] is not None for row in table),
                "seconds": seconds,
                "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
        )
    )


if __name__ == "__main__":
    main()
