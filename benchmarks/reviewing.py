"""How long it takes to push regressions to a real Argilla and to pull what people answered.

    python benchmarks/reviewing.py [--regressions 1000]

Starts the server that `firstfault review serve` runs, pushes planted faults with suggestions of every kind,
has two reviewers answer all of them over the server's own HTTP API, and pulls; then both again with nothing
changed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from firstfault.annotate.argilla.asking import Asking, Blind, What
from firstfault.annotate.argilla.connection import Connection
from firstfault.datasets.records import Split, Verdict
from firstfault.datasets.store import read_records, write_records
from firstfault.datasets.taxonomy import SUBTYPES
from firstfault.loop.folder import RunFolder
from firstfault.loop.progress import Reporter
from firstfault.loop.reviewing import RunReview
from reviewer import Reviewer
from serving import Serving
from small_run import VARIANT, make_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--regressions", type=int, default=1000)
    wanted = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = make_run(Path(name) / "run", wanted.regressions)
        _suggest_everything(folder)
        started = time.monotonic()
        with Serving(Path(name) / "data") as serving:
            figures["start"] = time.monotonic() - started
            connection = Connection(serving.url, serving.credentials["api_key"])
            review, asking = RunReview(folder), Asking(what=What.ALL, gold=0, blind=Blind.NONE)
            for part in ("push", "push again"):
                started = time.monotonic()
                pushed = review.push(connection, asking, review.place(), ["ann1", "ann2"], Reporter())
                figures[part] = time.monotonic() - started
                assert sum(pushed.pushed) == wanted.regressions
                if part == "push":
                    accounts = pushed.accounts
            started = time.monotonic()
            for account in accounts:
                with Reviewer(serving.url, *account) as person:
                    dataset = person.datasets()[pushed.place.dataset]
                    while records := person.pending(dataset):
                        for record in records:
                            person.answer(record["id"], first_faulty_step="1", error_kind="method")
            figures["answer"] = (time.monotonic() - started) / 2 / wanted.regressions
            for part in ("pull", "pull again"):
                started = time.monotonic()
                pulled = review.pull(connection, review.place(), Reporter())
                figures[part] = time.monotonic() - started
                assert len(pulled.reviews) == 2 * wanted.regressions
            status = Path(f"/proc/{serving.server_pid()}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({part: round(seconds, 3) for part, seconds in figures.items()}))
    print(f"server's peak memory: {int(peak.split()[1]) / 1024:.0f} MiB")


def _suggest_everything(folder: RunFolder) -> None:
    """Give every verdict a subtype and a corrected step: the most that a suggestion can hold."""
    path = folder.verdicts_path(VARIANT, Split.MINING)
    verdicts = [
        one.model_copy(
            update={
                "subtype": SUBTYPES[one.error_type][0] if one.error_type else None,
                "corrected_step": "The step as it should be: $4 \\cdot 12 = 48$.",
                "rationale": one.rationale * 5,
            }
        )
        for one in read_records(path, Verdict)
    ]
    write_records(path, verdicts)


if __name__ == "__main__":
    main()
