"""Every voting rule on the same votes: precision and recall of "faulty" and of each error type.

A panel of the real symbolic judge and five simulated ones with known rates of error, which err
independently or share half of their draws, and whose confidence tells something or nothing. The rules
are measured on other solutions than those that the weights were calibrated on. A type counts as
found where the panel says it of a solution whose first fault is of that type.

    python benchmarks/voting_rules.py [--items 2000] [--faulty 0.5] [--judges 5] [--seed 0] [--json]
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from firstfault.annotate.statistics import Interval, wilson_interval
from firstfault.datasets.records import ErrorType, Verdict, VerdictStatus
from firstfault.judge.calibrate import Asked, Labelled, calibrate
from firstfault.judge.curve import Calibration, calibrated
from firstfault.judge.panel import combine, places
from firstfault.judge.symbolic import SymbolicJudge
from firstfault.judge.voting import Rule
from simulated_panel import FLAT, INFORMATIVE, labelled_cases, simulated_judges

CONFIDENCES = {"tells": INFORMATIVE, "flat": FLAT}


class Judged(NamedTuple):
    verdict: Verdict
    truth: Verdict


def vote(pairs, shared: float, tells: tuple[float, float], number: int) -> tuple[list[Asked], list[Labelled]]:
    """Let the panel vote on labelled cases."""
    cases = [case for case, _ in pairs]
    judges = [SymbolicJudge(), *simulated_judges(cases, shared=shared, tells=tells)[:number]]
    columns = [list(judge.judge(cases)) for judge in judges]
    votes = list(zip(*columns, strict=True))
    items = [
        Labelled(truth, tuple(said), places(case)) for (case, truth), said in zip(pairs, votes, strict=True)
    ]
    return [Asked(judge.name, "") for judge in judges], items


def decided(items: Sequence[Labelled], rule: Rule, calibration: Calibration) -> list[Judged]:
    """Decide by a rule; the weighted one goes by the judges' calibrated confidence."""
    known: set[str] = set()
    if rule is Rule.WEIGHTED:
        known = {curve.judge for curve in calibration.curves if not curve.asked}
    judged = []
    for item in items:
        votes = []
        for one in item.votes:
            curve = calibration.of(one.judge, "") if known else None
            votes.append(calibrated(one, curve) if curve else one)
        judged.append(Judged(combine(votes, item.places, rule, known), item.truth))
    return judged


def share(hits: int, of: int) -> Interval | None:
    return wilson_interval(hits, of) if of else None


def measure(judged: Sequence[Judged]) -> dict[str, Any]:
    """Precision and recall of "faulty" and of each type, and how often the first fault is exact."""

    def precision_and_recall(says, is_so) -> dict[str, Any]:
        both = sum(says(one.verdict) and is_so(one.truth) for one in judged)
        said, true = sum(says(one.verdict) for one in judged), sum(is_so(one.truth) for one in judged)
        return {"precision": dump(share(both, said)), "recall": dump(share(both, true))}

    def faulty(verdict: Verdict) -> bool:
        return verdict.status is VerdictStatus.FAULTY

    def exact(one: Judged) -> bool:
        usable = one.verdict.status in (VerdictStatus.FAULTY, VerdictStatus.CLEAN)
        return usable and one.verdict.first_fault == one.truth.first_fault

    both = [exact(one) and one.verdict.error_type is one.truth.error_type for one in judged]
    agreed = [one for one in judged if not one.verdict.needs_review]
    return {
        "exact": dump(share(sum(map(exact, judged)), len(judged))),
        "exact_and_type": dump(share(sum(both), len(both))),
        "faulty": precision_and_recall(faulty, faulty),
        **{
            kind.value: precision_and_recall(
                lambda one, kind=kind: one.error_type is kind, lambda one, kind=kind: one.error_type is kind
            )
            for kind in ErrorType
        },
        "for_people": 1 - len(agreed) / len(judged),
        "exact_where_agreed": dump(share(sum(map(exact, agreed)), len(agreed))),
    }


def dump(value: Interval | None) -> dict[str, float] | None:
    return None if value is None else {name: round(one, 4) for name, one in value.model_dump().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2000, help="to fit on, and as many to measure on")
    parser.add_argument("--faulty", type=float, default=0.5)
    parser.add_argument("--judges", type=int, default=5, help="simulated ones, the least accurate first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    fitting = labelled_cases(arguments.items, faulty=arguments.faulty, seed=2 * arguments.seed + 1)
    measured = labelled_cases(arguments.items, faulty=arguments.faulty, seed=2 * arguments.seed + 2)
    results: dict[str, dict[str, Any]] = {}
    for name, shared in (("independent", 0.0), ("correlated", 0.5)):
        for confidence, tells in CONFIDENCES.items():
            judges, fit = vote(fitting, shared, tells, arguments.judges)
            _, items = vote(measured, shared, tells, arguments.judges)
            calibration = calibrate(judges, fit, seed=arguments.seed)
            results[f"{name}, confidence {confidence}"] = {
                rule.value: measure(decided(items, rule, calibration)) for rule in Rule
            }
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    for name, rules in results.items():
        print(f"\n{name} (precision / recall in %, 95% intervals)")
        for rule, row in rules.items():
            kinds = "  ".join(f"{kind.value[:4]} {cell(row[kind.value])}" for kind in ErrorType)
            print(
                f"{rule:10} exact {one(row['exact'])}  and type {one(row['exact_and_type'])}  "
                f"for people {row['for_people']:.0%}, exact of the others {one(row['exact_where_agreed'])}\n"
                f"{'':10} faulty {cell(row['faulty'])}  {kinds}"
            )


def one(value: dict[str, float] | None) -> str:
    return "-" if value is None else f"{value['value']:.1%} [{value['low']:.1%}, {value['high']:.1%}]"


def cell(row: dict[str, Any]) -> str:
    return " / ".join(
        "-" if row[name] is None else f"{100 * row[name]['value']:.1f}" for name in ("precision", "recall")
    )


if __name__ == "__main__":
    main()
