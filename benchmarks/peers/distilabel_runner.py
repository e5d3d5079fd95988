"""Ask an endpoint through distilabel's OpenAI runner; in an environment that has distilabel.

    python distilabel_runner.py URL ASKS CONCURRENCY

Prints as JSON: answers, seconds of the whole pipeline, and the growth of the largest process in KiB.
"""

import json
import resource
import sys
import time

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

SYSTEM = "Find the first faulty step. " * 40


def main() -> None:
    url, asks, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = [
        {"instruction": f"{number}: " + "2 + 2 = 4\n" * 60, "system_prompt": SYSTEM} for number in range(asks)
    ]
    with Pipeline(name="overhead") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=concurrency)
        model = OpenAILLM(model="m", base_url=url, api_key="none", generation_kwargs={"max_new_tokens": 1024})
        load >> TextGeneration(llm=model, input_batch_size=concurrency)
    started = time.perf_counter()
    made = pipeline.run(use_cache=False)
    seconds = time.perf_counter() - started
    answers = sum(text is not None for text in made["default"]["train"]["generation"])
    grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"answers": answers, "seconds": seconds, "peak_kib": grown}))


if __name__ == "__main__":
    main()
