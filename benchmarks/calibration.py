"""How far calibrated confidence is from being right: the expected calibration error of judges and panel.

Five simulated judges and their panel are calibrated on some solutions; the error is measured on others, of
the confidence as stated and of the calibrated one. Uncalibrated, the panel states the confidence of its
surest winner times its share of the votes.

    python benchmarks/calibration.py [--items 5000] [--fitted 5000] [--seed 0] [--json]
"""

import argparse
import json
from collections.abc import Sequence

from firstfault.annotate.calibration_error import measure_reliability
from firstfault.datasets.records import Verdict
from firstfault.judge.calibrate import Asked, Labelled, calibrate
from firstfault.judge.curve import Calibration, calibrated
from firstfault.judge.panel import PanelJudge, combine, places
from firstfault.judge.voting import USABLE, Rule
from simulated_panel import ASKED, FLAT, INFORMATIVE, Pairs, labelled_cases, simulated_judges

SETTINGS = {
    "independent, confidence tells": (0.0, INFORMATIVE),
    "independent, confidence flat": (0.0, FLAT),
    "correlated, confidence tells": (0.5, INFORMATIVE),
    "correlated, confidence flat": (0.5, FLAT),
}


def vote(pairs: Pairs, shared: float, tells: tuple[float, float]) -> tuple[list[Asked], list[Labelled]]:
    """What the judges say of labelled solutions."""
    cases = [case for case, _ in pairs]
    judges = simulated_judges(cases, shared=shared, tells=tells)
    columns = zip(*(judge.judge(cases) for judge in judges), strict=True)
    items = [
        Labelled(truth, tuple(said), places(case)) for (case, truth), said in zip(pairs, columns, strict=True)
    ]
    return [Asked(judge.name, "") for judge in judges], items


def error(verdicts: Sequence[Verdict], items: Sequence[Labelled], seed: int) -> dict[str, float]:
    """The expected calibration error of those verdicts that are labels, with its interval."""
    points = [
        (one.confidence, one.first_fault == item.truth.first_fault)
        for one, item in zip(verdicts, items, strict=True)
        if one.status in USABLE and one.confidence is not None
    ]
    confidence, right = zip(*points, strict=True)
    found = measure_reliability(confidence, right, seed=seed).error.model_dump()
    return {name: round(value, 4) for name, value in found.items()} | {"items": len(points)}


def measure(
    names: Sequence[Asked], items: Sequence[Labelled], calibration: Calibration, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Errors before and after, of each judge and of the panel."""
    curves = {name.judge: curve for name in names if (curve := calibration.of(*name))}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for place, name in enumerate(names):
        stated = [item.votes[place] for item in items]
        known = [calibrated(one, curves[name.judge]) for one in stated]
        found[name.judge] = {"before": error(stated, items, seed), "after": error(known, items, seed)}
    bare = [combine(item.votes, item.places, Rule.WEIGHTED, set()) for item in items]
    own = calibration.of_panel(PanelJudge.name, "", len(names))[len(names)]
    known = [
        calibrated(combine(votes, item.places, Rule.WEIGHTED, set(curves)), own)
        for item in items
        for votes in [[calibrated(one, curves[one.judge]) for one in item.votes]]
    ]
    found["panel"] = {"before": error(bare, items, seed), "after": error(known, items, seed)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=5000, help="to measure on")
    parser.add_argument("--fitted", type=int, default=5000, help="others, to calibrate on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    fitting = labelled_cases(arguments.fitted, types=ASKED, seed=2 * arguments.seed + 1)
    measured = labelled_cases(arguments.items, types=ASKED, seed=2 * arguments.seed + 2)
    results: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for setting, (shared, tells) in SETTINGS.items():
        names, fit = vote(fitting, shared, tells)
        calibration = calibrate(names, fit, seed=arguments.seed)
        results[setting] = measure(names, vote(measured, shared, tells)[1], calibration, arguments.seed)
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    for setting, rows in results.items():
        print(f"\n{setting} (expected calibration error, 95% interval)")
        for judge, row in rows.items():
            print(f"{judge:10} stated {shown(row['before'])}  calibrated {shown(row['after'])}")


def shown(one: dict[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


if __name__ == "__main__":
    main()
