"""What an adaptive panel saves: five simulated judges behind HTTP, asked all or as few as needed.

The judges are calibrated on other solutions, in process. Then the same solutions are judged anew under
each setting through real requests to five servers on this machine, which count what they are asked.

    python benchmarks/adaptive_panel.py [--items 1000] [--confidence 0.99] [--shared 0] [--flat] [--json]
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from firstfault.annotate.engines.chat import Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.statistics import bootstrap_drop, wilson_interval
from firstfault.datasets.records import Verdict
from firstfault.judge.calibrate import Asked, Labelled, calibrate
from firstfault.judge.case import Case
from firstfault.judge.config import Adaptive
from firstfault.judge.curve import Calibrated
from firstfault.judge.llm import LLMJudge
from firstfault.judge.panel import PanelJudge, places
from hostile import Act, Hostile
from simulated import SimulatedJudge
from simulated_panel import ASKED, FLAT, INFORMATIVE, labelled_cases, simulated_judges


def plan(judge: SimulatedJudge) -> Callable[[str, int], Act]:
    """Answer requests as a simulated judge."""
    return lambda text, _: Act(content=judge.answer([Message(role="user", content=text)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000, help="to judge, and as many to calibrate on")
    parser.add_argument("--confidence", type=float, default=0.99)
    parser.add_argument("--shared", type=float, default=0.0, help="share of draws all judges have in common")
    parser.add_argument("--flat", action="store_true", help="confidence that says nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    tells = FLAT if arguments.flat else INFORMATIVE
    fitting = labelled_cases(arguments.items, types=ASKED, seed=2 * arguments.seed + 1)
    measured = labelled_cases(arguments.items, types=ASKED, seed=2 * arguments.seed + 2)
    names, items = vote(fitting, arguments.shared, tells)
    calibration = calibrate(names, items, seed=arguments.seed)
    own = calibration.of_panel(PanelJudge.name, "", len(names))
    curves = {name.judge: curve for name in names if (curve := calibration.of(*name))}
    cases = [case for case, _ in measured]
    results: dict[str, dict[str, Any]] = {}
    right: dict[str, list[bool]] = {}
    settings: dict[str, Adaptive | None] = {
        "all five": None,
        "until settled": Adaptive(),
        f"until {arguments.confidence} sure": Adaptive(confidence=arguments.confidence),
    }
    for name, adaptive in settings.items():
        with ExitStack() as stack:
            judges, servers = [], []
            for judge in simulated_judges(cases, shared=arguments.shared, tells=tells):
                server = stack.enter_context(Hostile(plan(judge)))
                servers.append(server)
                chat = OpenAIChat(Endpoint(model=judge.name, base_url=server.url))
                judges.append(Calibrated(LLMJudge(chat), curves[judge.name]))
            panel = PanelJudge(judges, adaptive=adaptive, curves=curves, own=own)
            verdicts = list(panel.judge(cases))
            requests = [sum(server.asked.values()) for server in servers]
        right[name] = [
            verdict.first_fault == truth.first_fault
            for verdict, (_, truth) in zip(verdicts, measured, strict=True)
        ]
        accuracy = wilson_interval(sum(right[name]), len(measured))
        full = right["all five"]
        lost = sum(a and not b for a, b in zip(full, right[name], strict=True))
        won = sum(b and not a for a, b in zip(full, right[name], strict=True))
        results[name] = {
            "accuracy": accuracy.model_dump(),
            "points_lost": bootstrap_drop(lost, won, len(measured), seed=arguments.seed).model_dump(),
            "requests": requests,
        }
    for row in results.values():
        row["share_of_requests"] = sum(row["requests"]) / sum(results["all five"]["requests"])
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    for name, row in results.items():
        accuracy, lost = row["accuracy"], row["points_lost"]
        print(
            f"{name:18} {accuracy['value']:.1%} [{accuracy['low']:.1%}, {accuracy['high']:.1%}]  "
            f"lost {100 * lost['value']:.2f} points [{100 * lost['low']:.2f}, {100 * lost['high']:.2f}]  "
            f"requests {row['share_of_requests']:.1%} {row['requests']}"
        )


def vote(
    pairs: Sequence[tuple[Case, Verdict]], shared: float, tells: tuple[float, float]
) -> tuple[list[Asked], list[Labelled]]:
    """What the judges say of the solutions to calibrate on."""
    cases = [case for case, _ in pairs]
    judges = simulated_judges(cases, shared=shared, tells=tells)
    columns = zip(*(judge.judge(cases) for judge in judges), strict=True)
    items = [
        Labelled(truth, tuple(said), places(case)) for (case, truth), said in zip(pairs, columns, strict=True)
    ]
    return [Asked(judge.name, "") for judge in judges], items


if __name__ == "__main__":
    main()
