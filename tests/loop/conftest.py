"""A report with invented figures, as a run would fill it."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from divergent import diverging
from firstfault.annotate.argilla.agreement import measure_reviews
from firstfault.annotate.argilla.asking import What
from firstfault.annotate.argilla.figures import ReviewFigures
from firstfault.annotate.compare import Measurement
from firstfault.annotate.statistics import Interval
from firstfault.datasets.records import ErrorType, Finish, Pair, Problem, Solution, Split, Subtype, Verdict
from firstfault.judge.agreement import Agreement
from firstfault.loop.profile import Profile
from firstfault.loop.regularities import Locator, LocatorRow
from firstfault.loop.report import (
    Accuracy,
    ErrorMix,
    FaultPosition,
    Flips,
    Footprint,
    JudgeAgreement,
    Regression,
    Report,
    TrainingPoint,
    VariantReport,
)
from simulated_reviews import Person, review_by

FULL = Interval(value=0.968, low=0.951, high=0.979)
HEADLINE = "rtn-w2g32"


def estimate(value: float, width: float = 0.03) -> Interval:
    return Interval(value=value, low=max(0.0, value - width), high=min(1.0, value + width))


def variant(method: str, scheme: str, bits: int, quantized: float, **more: Any) -> VariantReport:
    regressions = round(640 * (FULL.value - quantized)) + 5
    return VariantReport(
        method=method,
        scheme=scheme,
        weight_bits=bits,
        footprint=Footprint(bits_per_weight=bits + 0.5, size_bytes=700_000 + 480_000 * bits),
        accuracy=Accuracy(
            full_precision=FULL, quantized=estimate(quantized), restored=more.pop("restored", None)
        ),
        flips=Flips(regressions=regressions, improvements=5, mcnemar_p=more.pop("p", 3.1e-48)),
        held_out=640,
        **more,
    )


def error_mix(counts: dict[ErrorType, int], unlocated: int) -> ErrorMix:
    found = [
        Verdict(solution_id="s", judge="panel", status="faulty", first_fault=0, error_type=kind)
        for kind, n in counts.items()
        for _ in range(n)
    ]
    return ErrorMix.of([*found, *[Verdict(solution_id="s", judge="panel", status="unsure")] * unlocated])


def measurement(
    name: str, accuracy: float, well_formed: float, degenerate: float, tokens: float
) -> Measurement:
    return Measurement(
        model=name,
        n=640,
        correct=round(640 * accuracy),
        accuracy=estimate(accuracy),
        well_formed=estimate(well_formed),
        degenerate=degenerate,
        cut_off=degenerate / 2,
        tokens=tokens,
    )


def agreement(judge: str, items: int, abstained: int, **shares: Interval) -> Agreement:
    missing = dict.fromkeys(("first_fault", "within_one", "error_type", "flagged_right", "false_alarms"))
    clean = items if "false_alarms" in shares else 0
    counts = {"faulty": items - clean, "clean": clean, "flagged": items - clean - abstained}
    return Agreement(judge=judge, items=items, abstained=abstained, **counts, **{**missing, **shares})


def regression(number: int) -> Regression:
    kind = list(ErrorType)[number % 3]
    subtype = [Subtype.CONTEXTUAL_OVERSIGHT, Subtype.PROCEDURAL, Subtype.COMPUTATION][number % 3]
    boxes = 12 + number
    problem = Problem(
        question=f"Maya packs {boxes} boxes with 8 jars each. She sells 37 jars at the market and gives "
        "5 jars to each of her 3 neighbours. How many jars are left?",
        answer=str(boxes * 8 - 52),
        source="abacus",
        level=4,
    )
    right = (
        f"Step 1: The boxes hold {boxes} * 8 = {boxes * 8} jars.",
        f"Step 2: After the market {boxes * 8} - 37 = {boxes * 8 - 37} jars remain.",
        "Step 3: The neighbours get 5 * 3 = 15 jars.",
        f"Step 4: So {boxes * 8 - 37} - 15 = {boxes * 8 - 52} jars are left. The answer is {boxes * 8 - 52}.",
    )
    faulty = (
        *right[:2],
        "Step 3: The neighbours get 5 * 3 = 18 jars.",
        f"Step 4: So {boxes * 8 - 37} - 18 = {boxes * 8 - 55} jars are left. The answer is {boxes * 8 - 55}.",
    )
    sides = {
        "full_precision": Solution(
            problem_id=problem.id,
            model="full_precision",
            text="\n".join(right),
            steps=right,
            answer=problem.answer,
            correct=True,
        ),
        "quantized": Solution(
            problem_id=problem.id,
            model=HEADLINE,
            text="\n".join(faulty),
            steps=faulty,
            answer=str(boxes * 8 - 55),
            correct=False,
            finish=Finish.STOP,
        ),
    }
    verdict = Verdict(
        solution_id=sides["quantized"].id,
        judge="panel",
        status="faulty",
        first_fault=2,
        error_type=kind,
        subtype=subtype,
        rationale="5 * 3 is 15, not 18; every step before reaches the reference answer when continued.",
        confidence=0.94,
    )
    pair = Pair(
        prompt=f"{problem.question}\n{right[0]}\n{right[1]}\n",
        chosen="\n".join(right[2:]),
        rejected="\n".join(faulty[2:]),
        problem_id=problem.id,
        solution_id=sides["quantized"].id,
        model=HEADLINE,
        step=2,
        steps=4,
        error_type=kind,
    )
    return Regression(
        problem=problem,
        restored=sides["full_precision"] if number % 4 != 1 else None,
        verdict=verdict,
        pair=pair if number % 5 != 1 else None,
        profile=profile(sides["quantized"]) if number % 3 != 1 else None,
        **sides,
    )


def profile(solution: Solution) -> Profile:
    """A divergence that peaks at 18, one token per character."""
    peak = solution.text.index("18")
    kl = [1.9 if place in (peak, peak + 1) else 0.01 for place in range(len(solution.text))]
    found = diverging(solution, range(1, len(kl) + 1), kl, peak + 1)
    return Profile.of(found, solution)


def locators() -> Iterator[LocatorRow]:
    for name, hits in (("alignment", 98), ("divergence", 95), ("largest_divergence", 87)):
        for labels in ("truth", "panel"):
            steps = [(0 if place < hits else 1, 0) for place in range(99)]
            yield LocatorRow(locator=name, split=Split.HELD_OUT, labels=labels, found=Locator.of(steps))


PEOPLE = (
    Person("reviewer-3f2a", 0.95, 0.92, follows=0.1, seconds=50),
    Person("reviewer-a91c", 0.9, follows=0.15, share=0.9, seconds=75),
    Person("reviewer-c04e", 0.9, follows=0.9, share=0.5, seconds=25),
)


def review_figures(people: Sequence[Person] = PEOPLE, **options: Any) -> ReviewFigures:
    """Figures of simulated reviews."""
    settings: dict[str, Any] = {"solutions": 300, "size": 150, "gold": 40, "adjudicator": "reviewer-d11b"}
    found = review_by(people, **{**settings, "what": What.DOUBTFUL, "abstains": 0.05, **options})
    return measure_reviews(found.reviews, found.sampled, found.verdicts)


@pytest.fixture(scope="session")
def sample_report() -> Report:
    return make_report()


def make_report() -> Report:
    draw = random.Random(7)
    return Report(
        model="abacus-3m",
        problems="abacus",
        headline=HEADLINE,
        variants={
            HEADLINE: variant(
                "rtn",
                "W2A16 g32",
                2,
                0.656,
                restored=estimate(0.928, 0.02),
                drop=estimate(0.312, 0.037),
                restored_flips=Flips(regressions=31, improvements=5, mcnemar_p=1e-5),
                recovery=Interval(value=0.872, low=0.815, high=0.928),
                pairs=332,
                adapter_bytes=410_000,
                behaviour={
                    "full_precision": measurement("abacus-3m", 0.968, 0.998, 0.0, 141),
                    "quantized": measurement(HEADLINE, 0.656, 0.97, 0.022, 149),
                    "restored": measurement(HEADLINE, 0.928, 0.995, 0.002, 142),
                },
                seconds={"quantize": 2.1, "measure": 21.0, "restore": 41.2},
            ),
            "gptq-w2g32": variant("gptq", "W2A16 g32", 2, 0.781, p=2.4e-25),
            "gptq-w3g128": variant("gptq", "W3A16 g128", 3, 0.955, p=0.021),
            "awq-w4g128": variant("awq", "W4A16 g128", 4, 0.965, p=0.75),
            "smoothquant-w8a8": variant("smoothquant", "W8A8", 8, 0.967, p=1.0),
        },
        full_precision=Footprint(bits_per_weight=16, size_bytes=6_810_000),
        error_mix={
            "full_precision": error_mix(
                {ErrorType.CONCEPTUAL: 4, ErrorType.METHOD: 5, ErrorType.EXECUTION: 9}, 2
            ),
            "quantized": error_mix(
                {
                    ErrorType.CONCEPTUAL: 61,
                    ErrorType.METHOD: 74,
                    ErrorType.EXECUTION: 148,
                    ErrorType.REASONING: 29,
                    ErrorType.DEGENERATE: 18,
                },
                12,
            ),
        },
        fault_positions={
            "full_precision": tuple(FaultPosition(step=draw.randrange(n), steps=n) for n in [3, 4, 5, 6] * 5),
            "quantized": tuple(
                FaultPosition(step=min(int(draw.expovariate(0.55)), n - 1), steps=n)
                for n in [2, 3, 4, 5, 6, 7, 8] * 47
            ),
        },
        judges=(
            JudgeAgreement(
                cases="regressions",
                agreement=agreement(
                    "panel", 218, 9, first_fault=estimate(0.931), error_type=estimate(0.862, 0.04)
                ),
            ),
            JudgeAgreement(
                cases="injected execution errors",
                agreement=agreement("symbolic", 250, 1, first_fault=estimate(0.988, 0.012)),
            ),
            JudgeAgreement(
                cases="correct solutions",
                agreement=agreement(
                    "symbolic", 1000, 996, false_alarms=Interval(value=0.001, low=0.0, high=0.004)
                ),
            ),
        ),
        reviews=review_figures(),
        locators=tuple(locators()),
        training=tuple(
            TrainingPoint(
                step=k,
                loss=0.25 + 0.9 * 0.93**k + draw.uniform(-0.03, 0.03),
                preferred=min(1.0, 0.5 + 0.012 * k),
            )
            for k in range(1, 43)
        ),
        regressions=tuple(regression(k) for k in range(20)),
        notes=("3 mining problems that overlap with held-out ones were removed.",),
        seconds={"problems": 0.6, "quantize": 14.2, "measure": 96.0, "locate": 120.4, "restore": 41.2},
        seeds={"problems": 7, "generation": 0, "training": 13},
        versions={"firstfault": "0.1.0", "python": "3.11.7", "torch": "2.13.0"},
        machine="2 cores, x86-64, Linux",
        command="firstfault run examples/quickstart.yaml",
        config="model: bundled\nvariants:\n  - recipe: rtn\n    bits: 2\n    group_size: 32\n",
        created_at="2026-11-22T00:10:00Z",
    )
