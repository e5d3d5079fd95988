"""What an adaptive panel saves: five simulated judges behind HTTP, asked all or as few as needed.

The judges are calibrated on some solutions, in process, and there the threshold is chosen too: the lowest
whose loss against all five is at most half a point with 95% certainty. Then other solutions are judged under
each setting through real requests to five servers on this machine, which count what they are asked.

    python benchmarks/adaptive_panel.py [--items 1000] [--fitted 2000] [--order worst] [--shared 0] [--flat]
        [--json]
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from firstfault.annotate.engines.chat import Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.statistics import Interval, bootstrap_drop, wilson_interval
from firstfault.datasets.records import Verdict
from firstfault.judge.calibrate import Asked, Labelled, calibrate
from firstfault.judge.case import Case, Judge
from firstfault.judge.config import SURE_ENOUGH, Adaptive
from firstfault.judge.curve import Calibrated, Curve
from firstfault.judge.llm import LLMJudge
from firstfault.judge.panel import PanelJudge, places
from hostile import Act, Hostile
from simulated import SimulatedJudge
from simulated_panel import ASKED, FLAT, INFORMATIVE, Pairs, labelled_cases, simulated_judges

THRESHOLDS = (0.95, 0.97, 0.98, 0.99, 0.995, 0.9975)
MAY_LOSE = 0.005
"""Share of the solutions."""


class Setting(NamedTuple):
    """The panel, without its judges and without when to stop."""

    shared: float
    tells: tuple[float, float]
    is_best_first: bool
    curves: dict[str, Curve]
    own: dict[int, Curve]

    def simulated(self, cases: Sequence[Case]) -> list[SimulatedJudge]:
        """Make the judges, in order."""
        judges = simulated_judges(cases, shared=self.shared, tells=self.tells)
        return judges[::-1] if self.is_best_first else judges

    def panel(self, judges: Sequence[Judge], adaptive: Adaptive | None) -> PanelJudge:
        """Make the panel of judges with their calibration."""
        known = [Calibrated(judge, self.curves[judge.name]) for judge in judges]
        return PanelJudge(known, adaptive=adaptive, curves=self.curves, own=self.own)


def plan(judge: SimulatedJudge) -> Callable[[str, int], Act]:
    """Answer requests as a simulated judge."""
    return lambda text, _: Act(content=judge.answer([Message(role="user", content=text)]))


def is_right(verdicts: Sequence[Verdict], pairs: Pairs, *, type_too: bool = False) -> list[bool]:
    """Tell which first faults are exact; with the type, if that is asked for."""
    return [
        said.first_fault == truth.first_fault and (not type_too or said.error_type is truth.error_type)
        for said, (_, truth) in zip(verdicts, pairs, strict=True)
    ]


def loss(full: Sequence[bool], fewer: Sequence[bool], seed: int) -> Interval:
    """Share of the solutions that fewer votes cost, paired."""
    lost = sum(a and not b for a, b in zip(full, fewer, strict=True))
    won = sum(b and not a for a, b in zip(full, fewer, strict=True))
    return bootstrap_drop(lost, won, len(full), seed=seed)


def choose(setting: Setting, pairs: Pairs, seed: int) -> float | None:
    """Choose the lowest threshold that loses little enough, in process; `None` if all lose more."""
    cases = [case for case, _ in pairs]
    judges = setting.simulated(cases)
    full = is_right(list(setting.panel(judges, None).judge(cases)), pairs)
    for threshold in THRESHOLDS:
        panel = setting.panel(judges, Adaptive(confidence=threshold))
        if loss(full, is_right(list(panel.judge(cases)), pairs), seed).high <= MAY_LOSE:
            return threshold
    return None


def asked_over_http(
    setting: Setting, cases: Sequence[Case], adaptive: Adaptive | None
) -> tuple[list[Verdict], list[int]]:
    """Judge through five servers; return the verdicts and what each server was asked."""
    with ExitStack() as stack:
        judges, servers = [], []
        for judge in setting.simulated(cases):
            server = stack.enter_context(Hostile(plan(judge)))
            servers.append(server)
            judges.append(LLMJudge(OpenAIChat(Endpoint(model=judge.name, base_url=server.url))))
        verdicts = list(setting.panel(judges, adaptive).judge(cases))
        return verdicts, [sum(server.asked.values()) for server in servers]


def calibrated(arguments: argparse.Namespace, pairs: Pairs) -> Setting:
    """Calibrate the judges and the panel."""
    tells = FLAT if arguments.flat else INFORMATIVE
    bare = Setting(arguments.shared, tells, arguments.order == "best", {}, {})
    cases = [case for case, _ in pairs]
    judges = bare.simulated(cases)
    columns = zip(*(judge.judge(cases) for judge in judges), strict=True)
    items = [
        Labelled(truth, tuple(said), places(case)) for (case, truth), said in zip(pairs, columns, strict=True)
    ]
    names = [Asked(judge.name, "") for judge in judges]
    calibration = calibrate(names, items, seed=arguments.seed)
    curves = {name.judge: curve for name in names if (curve := calibration.of(*name))}
    return bare._replace(curves=curves, own=calibration.of_panel(PanelJudge.name, "", len(names)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000, help="to measure on")
    parser.add_argument("--fitted", type=int, default=2000, help="others, to calibrate and choose on")
    parser.add_argument("--order", choices=("worst", "best"), default="worst", help="who is asked first")
    parser.add_argument("--shared", type=float, default=0.0, help="share of draws all judges have in common")
    parser.add_argument("--flat", action="store_true", help="confidence that says nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    fitting = labelled_cases(arguments.fitted, types=ASKED, seed=2 * arguments.seed + 1)
    measured = labelled_cases(arguments.items, types=ASKED, seed=2 * arguments.seed + 2)
    setting = calibrated(arguments, fitting)
    chosen = choose(setting, fitting, arguments.seed)
    settings: dict[str, Adaptive | None] = {
        "all five": None,
        "until settled": Adaptive(confidence=None),
        f"until {SURE_ENOUGH} sure (default)": Adaptive(),
    }
    if chosen not in (None, SURE_ENOUGH):
        settings[f"until {chosen} sure (chosen)"] = Adaptive(confidence=chosen)
    cases = [case for case, _ in measured]
    results: dict[str, dict[str, Any]] = {}
    right: dict[str, list[bool]] = {}
    for name, adaptive in settings.items():
        verdicts, requests = asked_over_http(setting, cases, adaptive)
        right[name] = is_right(verdicts, measured)
        results[name] = {
            "accuracy": wilson_interval(sum(right[name]), len(measured)).model_dump(),
            "lost": loss(right["all five"], right[name], arguments.seed).model_dump(),
            "accuracy_and_type": sum(is_right(verdicts, measured, type_too=True)) / len(measured),
            "requests": requests,
        }
    for row in results.values():
        row["share_of_requests"] = sum(row["requests"]) / sum(results["all five"]["requests"])
    if arguments.json:
        print(json.dumps({"chosen": chosen, **results}, indent=1))
        return
    print(f"chosen on the solutions that were fitted to: {chosen}")
    for name, row in results.items():
        accuracy, lost = row["accuracy"], row["lost"]
        print(
            f"{name:28} {accuracy['value']:.1%} [{accuracy['low']:.1%}, {accuracy['high']:.1%}]  "
            f"lost {100 * lost['value']:.2f} points [{100 * lost['low']:.2f}, {100 * lost['high']:.2f}]  "
            f"type too {row['accuracy_and_type']:.1%}  "
            f"requests {row['share_of_requests']:.1%} {row['requests']}"
        )


if __name__ == "__main__":
    main()
