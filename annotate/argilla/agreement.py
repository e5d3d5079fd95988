"""Measures what people's reviews say: about each other, about themselves, and about the judge.

What counts where:

- The last review of each person on each solution. An adjudication is no independent opinion: it settles, and
  counts as work, but not as agreement.
- Planted faults (gold) say how good reviewers are, and nothing else. They were made, so agreement on them
  says nothing about the labels of a run.
- People's figures among each other and against the judge are on all of the variant's solutions that were
  reviewed. Where doubtful ones were asked about first, that is harder than usual.
- What is said about the judge in general, and about anchoring, is on the random share alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from ...datasets.records import Drawn, Review, Verdict, VerdictStatus
from ..calibration_error import measure_reliability
from ..reliability import cohen_kappa, krippendorff_alpha
from ..reviews import DECIDED, PEOPLE, settle, when
from ..statistics import Interval, clustered_interval, difference_interval
from .figures import Accord, Anchoring, Judged, PairAccord, Reviewer, ReviewFigures, Said
from .pace import pace
from .sampling import Sampled

ENOUGH = 30
"""Fewest solutions to compare confidence with being right on."""

Finding = Review | Verdict
_CLEAN = "clean"


def measure_reviews(
    reviews: Iterable[Review], sampled: Iterable[Sampled], verdicts: Iterable[Verdict], *, seed: int = 0
) -> ReviewFigures:
    """Measure reviews.

    Args:
        reviews: All submitted ones of all people.
        sampled: What people were asked about. Solutions that are not among it (reviews from files) count as
            they say themselves, and in the random share only if they say so.
        verdicts: The judges' own on the variant's solutions, before people overruled them.
        seed: Same seed, same intervals.

    Raises:
        ValueError: If a verdict is people's.
    """
    judged = {one.solution_id: one for one in verdicts}
    if any(one.judge == PEOPLE for one in judged.values()):
        raise ValueError("people's verdicts can't be compared with people's: give the judges' own")
    last = _last(reviews)
    asked = _asked(sampled)
    drawn = {one.solution_id: one.drawn for one in last if one.drawn is not None and not one.adjudicates}
    drawn |= {solution: one.drawn for solution, one in asked.items()}
    known = {solution: one for solution, one in asked.items() if one.truth is not None}
    gold = [(one, known[one.solution_id]) for one in last if one.solution_id in known and not one.adjudicates]
    real = [one for one in last if drawn.get(one.solution_id) is not Drawn.GOLD]
    own = [one for one in real if not one.adjudicates]
    settled = dict(sorted(settle(real).items()))
    randomised = {solution for solution, one in asked.items() if one.is_randomised}
    random = {solution for solution in settled if drawn.get(solution) is Drawn.RANDOM}
    against = [
        (one.verdict, judged[solution])
        for solution, one in settled.items()
        if one.verdict is not None and solution in judged
    ]
    on_random = [pair for pair in against if pair[0].solution_id in random]
    seen = {one.solution_id for one in real if one.suggestion is not None}
    # Where the judge says nothing there was nothing to show: those were not blinded by chance.
    blind = [pair for pair in on_random if pair[0].solution_id not in seen and pair[1].status in DECIDED]
    names = sorted({one.reviewer for one in last})
    return ReviewFigures(
        reviews=len(last),
        solutions=len(settled),
        gold=len({what.solution_id for _, what in gold}),
        settled=sum(one.verdict is not None for one in settled.values()),
        disputed=sum(one.disputed for one in settled.values()),
        adjudicated=len({one.solution_id for one in real if one.adjudicates}),
        reviewers=tuple(
            _reviewer(
                name,
                [one for one in last if one.reviewer == name],
                [pair for pair in gold if pair[0].reviewer == name],
                [
                    (one, judged[one.solution_id])
                    for one in own
                    if one.reviewer == name and one.solution_id in judged
                ],
                seed,
            )
            for name in names
        ),
        among_reviewers=_accord(list(_by_solution(own).values()), seed),
        pairs=tuple(_pairs(names, own, seed)),
        with_judge=_accord(against, seed, kappa=True),
        confusion=_confusion(against),
        distances=_distances(against),
        anchoring=_anchoring([one for one in own if one.solution_id in randomised], judged),
        random_open=sum(settled[solution].verdict is None for solution in random),
        judge=_judged(on_random, seed),
        judge_blind=_judged(blind, seed),
    )


def _last(reviews: Iterable[Review]) -> list[Review]:
    """The last one of each person on each solution; whoever adjudicates speaks twice."""
    latest = {(one.solution_id, one.reviewer, one.adjudicates): one for one in sorted(reviews, key=when)}
    return [latest[key] for key in sorted(latest)]


def _asked(sampled: Iterable[Sampled]) -> dict[str, Sampled]:
    # What is asked about again since people differ keeps the reason why it was drawn at first.
    everything = sorted(sampled, key=lambda one: one.drawn is not Drawn.DISPUTED)
    return {one.solution_id: one for one in everything}


def _by_solution(reviews: Iterable[Review]) -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = {}
    for one in reviews:
        found.setdefault(one.solution_id, []).append(one)
    return found


def _pairs(names: Sequence[str], reviews: Sequence[Review], seed: int) -> Iterable[PairAccord]:
    of = {name: {one.solution_id: one for one in reviews if one.reviewer == name} for name in names}
    for first, second in combinations(names, 2):
        shared = [(one, of[second][key]) for key, one in of[first].items() if key in of[second]]
        accord = _accord(shared, seed, kappa=True)
        if accord.solutions:
            yield PairAccord(first=first, second=second, accord=accord)


def _accord(items: Sequence[Sequence[Finding]], seed: int, *, kappa: bool = False) -> Accord:
    steps = [[_step(one) for one in item] for item in items]
    kinds = [[_kind(one) for one in item] for item in items]
    return Accord(
        solutions=sum(sum(one is not None for one in item) > 1 for item in steps),
        first_fault=_share([_alike(item, _same) for item in steps]),
        within_one=_share([_alike(item, _near) for item in steps]),
        error_type=_share([_alike(item, _same) for item in kinds]),
        kappa_first_fault=cohen_kappa(_both(steps), seed=seed) if kappa else None,
        kappa_error_type=cohen_kappa(_both(kinds), seed=seed) if kappa else None,
        alpha_first_fault=krippendorff_alpha(steps, seed=seed),
        alpha_error_type=krippendorff_alpha(kinds, seed=seed),
    )


def _alike(labels: Sequence[str | None], alike: Callable[[str, str], bool]) -> tuple[int, int]:
    pairs = list(combinations([one for one in labels if one is not None], 2))
    return sum(alike(a, b) for a, b in pairs), len(pairs)


def _both(items: Sequence[Sequence[str | None]]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in items if a is not None and b is not None]


def _same(a: str, b: str) -> bool:
    return a == b


def _near(a: str, b: str) -> bool:
    return a == b or (_CLEAN not in (a, b) and abs(int(a) - int(b)) <= 1)


def _step(finding: Finding) -> str | None:
    if finding.status not in DECIDED:
        return None
    return _CLEAN if finding.first_fault is None else str(finding.first_fault)


def _kind(finding: Finding) -> str | None:
    if finding.status is VerdictStatus.CLEAN:
        return _CLEAN
    return finding.error_type


def _said(finding: Finding) -> Said:
    if finding.status not in DECIDED:
        return Said.NOTHING
    kind = _kind(finding)
    return Said.UNTYPED if kind is None else Said(kind)


def _confusion(pairs: Sequence[tuple[Verdict, Verdict]]) -> dict[Said, dict[Said, int]]:
    counted = Counter((_said(people), _said(judge)) for people, judge in pairs)
    return {
        row: {column: counted[row, column] for column in Said if counted[row, column]}
        for row in Said
        if any(people is row for people, _ in counted)
    }


def _distances(pairs: Sequence[tuple[Verdict, Verdict]]) -> dict[int, int]:
    counted = Counter(
        people.first_fault - judge.first_fault
        for people, judge in pairs
        if people.first_fault is not None and judge.first_fault is not None
    )
    return dict(sorted(counted.items()))


def _reviewer(
    name: str,
    reviews: Sequence[Review],
    gold: Sequence[tuple[Review, Sampled]],
    judged: Sequence[tuple[Review, Verdict]],
    seed: int,
) -> Reviewer:
    truths = [(one, what.truth) for one, what in gold if what.truth is not None]
    typed = [(one, truth) for one, truth in truths if truth.error_type is not None]
    misleading = [(one, what.suggestion) for one, what in gold if what.is_misleading and what.suggestion]
    hours, per_hour = pace(reviews)
    return Reviewer(
        reviewer=name,
        reviews=len(reviews),
        unsure=sum(one.status not in DECIDED for one in reviews),
        gold=len(gold),
        gold_first_fault=_share([(_names(one, truth), 1) for one, truth in truths]),
        gold_error_type=_share([(one.error_type is truth.error_type, 1) for one, truth in typed]),
        misleading=len(misleading),
        misled=_share([(_names(one, shown), 1) for one, shown in misleading]),
        with_judge=_accord(judged, seed, kappa=True),
        hours=hours,
        per_hour=per_hour,
    )


def _anchoring(reviews: Iterable[Review], judged: Mapping[str, Verdict]) -> Anchoring:
    shown: dict[str, list[bool]] = {}
    blind: dict[str, list[bool]] = {}
    for one in reviews:
        # What was shown, which may have been judged anew since.
        said = one.suggestion or judged.get(one.solution_id)
        if said is not None and said.status in DECIDED:
            arm = blind if one.suggestion is None else shown
            arm.setdefault(one.solution_id, []).append(_names(one, said))
    with_it, without = (_share([(sum(same), len(same)) for same in arm.values()]) for arm in (shown, blind))
    return Anchoring(
        shown=sum(map(len, shown.values())),
        blind=sum(map(len, blind.values())),
        shown_same=with_it,
        blind_same=without,
        effect=None if with_it is None or without is None else difference_interval(with_it, without),
    )


def _judged(pairs: Sequence[tuple[Verdict, Verdict]], seed: int) -> Judged:
    labelled = [(people, judge) for people, judge in pairs if judge.status in DECIDED]
    typed = [(people, judge) for people, judge in labelled if people.error_type is not None]
    outcomes = [(judge.confidence, _names(people, judge)) for people, judge in labelled]
    sure = [(confidence, right) for confidence, right in outcomes if confidence is not None]
    return Judged(
        solutions=len(pairs),
        labelled=len(labelled),
        answered=_share([(judge.status in DECIDED, 1) for _, judge in pairs]),
        first_fault=_share([(_names(people, judge), 1) for people, judge in labelled]),
        within_one=_share([_alike([_step(people), _step(judge)], _near) for people, judge in labelled]),
        error_type=_share([(people.error_type is judge.error_type, 1) for people, judge in typed]),
        calibration=None
        if len(sure) < ENOUGH
        else measure_reliability([one for one, _ in sure], [right for _, right in sure], seed=seed),
    )


def _names(finding: Finding, truth: Verdict) -> bool:
    """Whether it names the same first fault, or says as it does that there is none."""
    return finding.status is truth.status and finding.first_fault == truth.first_fault


def _share(clusters: Sequence[tuple[int, int]]) -> Interval | None:
    return clustered_interval(clusters) if any(n for _, n in clusters) else None
