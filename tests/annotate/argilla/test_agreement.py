"""What is measured of simulated reviewers is what was put into them."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from firstfault.annotate.argilla.agreement import measure_reviews
from firstfault.annotate.argilla.asking import Blind, What
from firstfault.annotate.argilla.figures import ReviewFigures, Said
from firstfault.annotate.argilla.pace import pace
from firstfault.annotate.argilla.sampling import Sampled
from firstfault.annotate.reviews import PEOPLE
from firstfault.datasets.records import Drawn, ErrorType, Review, Verdict, VerdictStatus
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_reviews import Person, review_by

CAREFUL = (Person("ann", 0.95), Person("bob", 0.85))


def measured(people=CAREFUL, **options) -> ReviewFigures:
    found = review_by(people, **options)
    return measure_reviews(found.reviews, found.sampled, found.verdicts)


def holds(interval, value):
    return interval.low <= value <= interval.high


def finding(kind, solution, fault, error_type=ErrorType.METHOD, *, unsure=False, **more):
    status = VerdictStatus.CLEAN if fault is None else VerdictStatus.FAULTY
    return kind(
        solution_id=solution,
        status=VerdictStatus.UNSURE if unsure else status,
        first_fault=fault,
        error_type=None if fault is None else error_type,
        **more,
    )


def review(solution, reviewer, fault, error_type=ErrorType.METHOD, **more):
    return finding(Review, solution, fault, error_type, reviewer=reviewer, **more)


def verdict(solution, fault, error_type=ErrorType.METHOD, **more):
    return finding(Verdict, solution, fault, error_type, judge="panel", **more)


def asked(solution, drawn=Drawn.RANDOM, **more):
    randomised = {"is_randomised": drawn is Drawn.RANDOM, **more}
    return Sampled(solution_id=solution, steps=6, drawn=drawn, **randomised)


def test_nothing_reviewed_is_no_share_of_anything():
    figures = measure_reviews([], [asked("s")], [verdict("s", 1)])
    assert (figures.reviews, figures.solutions, figures.reviewers, figures.pairs) == (0, 0, (), ())
    assert figures.among_reviewers.first_fault is None
    assert figures.judge.first_fault is None
    assert figures.anchoring.effect is None
    assert figures.confusion == {}


def test_gold_recovers_how_good_reviewers_are():
    people = (Person("ann", 0.95, typing=0.9), Person("bob", 0.7, typing=0.6))
    figures = measured(people, gold=300, solutions=10)
    ann, bob = figures.reviewers
    assert (ann.gold, figures.gold) == (300, 300)
    assert holds(ann.gold_first_fault, 0.95)
    assert holds(bob.gold_first_fault, 0.7)
    assert ann.gold_first_fault.low > bob.gold_first_fault.high
    # The type too is right where the step is, and by luck elsewhere.
    assert 0.8 < ann.gold_error_type.value < 0.95
    assert ann.gold_error_type.low > bob.gold_error_type.high


def test_who_accepts_every_suggestion_is_found_out_by_gold():
    people = (*CAREFUL, Person("cleo", 0.95, follows=1.0))
    ann, _, cleo = measured(people, gold=60, solutions=200, blind=Blind.NONE).reviewers
    assert cleo.misled.value == 1
    assert cleo.misled.low > 0.8
    assert ann.misled.high < 0.25
    assert cleo.gold_first_fault.high < ann.gold_first_fault.low
    # To the judge's eyes they look like the best of all.
    assert cleo.with_judge.first_fault.low > ann.with_judge.first_fault.high


def test_an_anchoring_effect_that_is_there_is_found_with_its_size():
    # Where they accept 40%, they say the same in 40% of those cases in which they would not have.
    sure = 0
    for seed in range(8):
        people = tuple(Person(name, 0.9, follows=0.4) for name in ("ann", "bob", "cleo"))
        found = measured(people, judge=0.6, solutions=300, seed=seed).anchoring
        by_themselves = 0.6 * 0.9 + 0.4 * 0.1 / 5
        assert found.effect.low > 0
        sure += holds(found.effect, 0.4 * (1 - by_themselves))
    assert sure >= 7


def test_where_nobody_is_anchored_no_effect_is_found():
    found = [measured(judge=0.6, solutions=300, seed=seed).anchoring for seed in range(8)]
    assert sum(holds(one.effect, 0) for one in found) >= 7
    assert all(one.shown + one.blind == 600 for one in found)


def test_anchoring_is_measured_on_the_random_share_alone():
    followers = (Person("ann", 0.9, follows=1.0), Person("bob", 0.9, follows=1.0))
    found = review_by(followers, what=What.DOUBTFUL, solutions=300, size=100)
    figures = measure_reviews(found.reviews, found.sampled, found.verdicts)
    random = {one.solution_id for one in found.sampled if one.drawn is Drawn.RANDOM}
    assert 0 < len(random) < 100
    assert figures.anchoring.shown + figures.anchoring.blind == 2 * len(random)


def test_the_judge_is_measured_on_the_random_share_and_not_on_the_doubtful():
    options = {"solutions": 1500, "size": 500, "judge": 0.7, "adjudicator": "dora"}
    people = (Person("ann", 0.97), Person("bob", 0.97))
    figures = measured(people, what=What.DOUBTFUL, **options)
    assert figures.judge.solutions == 100
    assert holds(figures.judge.first_fault, 0.7)
    assert figures.with_judge.first_fault.high < 0.7
    # It says of itself how often it is right, and does not lie.
    assert figures.judge.calibration.error.low < 0.05
    assert figures.random_open == 0


def test_where_the_judge_says_nothing_does_not_count_as_blinded():
    people = (Person("ann", 1.0), Person("bob", 1.0))
    found = review_by(people, solutions=400, abstains=0.5, judge=0.7)
    figures = measure_reviews(found.reviews, found.sampled, found.verdicts)
    labelled = {one.solution_id for one in found.verdicts if one.status is VerdictStatus.FAULTY}
    unseen = {one.solution_id for one in found.sampled if one.suggestion is None}
    assert (figures.judge.solutions, figures.judge.labelled) == (400, len(labelled))
    assert figures.judge.answered.value == len(labelled) / 400
    assert figures.judge_blind.solutions == len(labelled & unseen)
    assert figures.anchoring.blind == 2 * len(labelled & unseen)
    assert holds(figures.judge_blind.first_fault, 0.7)


def test_followers_flatter_the_judge_and_the_blind_ones_do_not():
    people = tuple(Person(name, 0.95, follows=0.9) for name in ("ann", "bob"))
    figures = measured(people, solutions=600, judge=0.6, adjudicator="dora")
    assert figures.judge.first_fault.low > 0.6
    assert holds(figures.judge_blind.first_fault, 0.6)


def test_agreement_of_independent_reviewers_is_what_their_errors_allow():
    figures = measured((Person("ann", 0.9), Person("bob", 0.8), Person("cleo", 0.7)), solutions=600)
    expected = [a * b + (1 - a) * (1 - b) / 5 for a, b in ((0.9, 0.8), (0.9, 0.7), (0.8, 0.7))]
    for pair, share in zip(figures.pairs, expected, strict=True):
        assert holds(pair.accord.first_fault, share)
        # Six steps, alike often: chance agrees on a sixth.
        assert holds(pair.accord.kappa_first_fault, (share - 1 / 6) / (5 / 6))
    assert holds(figures.among_reviewers.first_fault, sum(expected) / 3)
    assert holds(figures.among_reviewers.alpha_first_fault, (sum(expected) / 3 - 1 / 6) / (5 / 6))
    assert figures.among_reviewers.kappa_first_fault is None


def test_gold_and_adjudications_are_no_agreement():
    people = (Person("ann", 0.9), Person("bob", 0.9))
    without = measured(people, solutions=80)
    gold = measured(people, solutions=80, gold=40)
    assert gold.among_reviewers.solutions == without.among_reviewers.solutions == 80
    decided = review_by(people, solutions=80, adjudicator="ann")
    figures = measure_reviews(decided.reviews, decided.sampled, decided.verdicts)
    assert figures.adjudicated > 5
    assert figures.among_reviewers == without.among_reviewers
    assert (figures.settled, figures.disputed) == (80, 0)
    assert without.settled < 80 < without.settled + without.disputed + 1


def test_confusion_and_distance_count_every_settled_solution_once():
    reviews = [
        *[review(name, who, 2) for name in ("same", "later", "unsure") for who in ("a", "b")],
        review("type", "a", 3),
        review("type", "b", 3, ErrorType.EXECUTION),
        review("clean", "a", None),
        *[review("disputed", who, step) for step, who in enumerate("ab")],
    ]
    judged = [
        verdict("same", 2),
        verdict("later", 4, ErrorType.REASONING),
        verdict("unsure", None, unsure=True),
        verdict("type", 3),
        verdict("clean", 0),
        verdict("disputed", 1),
    ]
    figures = measure_reviews(reviews, [], judged)
    method = {Said.METHOD: 1, Said.REASONING: 1, Said.NOTHING: 1}
    assert figures.confusion == {
        Said.METHOD: method,
        Said.UNTYPED: {Said.METHOD: 1},
        Said.CLEAN: {Said.METHOD: 1},
    }
    assert figures.distances == {-2: 1, 0: 2}
    # Settled but for its type is both.
    assert (figures.settled, figures.disputed) == (5, 2)


def test_unsure_is_no_label_and_on_gold_it_is_not_right():
    truth = verdict("g", 1)
    sampled = [asked("s"), asked("g", Drawn.GOLD, truth=truth, suggestion=verdict("g", 2))]
    reviews = [
        review("s", "a", 1),
        review("s", "b", None, unsure=True),
        review("g", "a", 1),
        review("g", "b", None, unsure=True),
    ]
    figures = measure_reviews(reviews, sampled, [verdict("s", None)])
    a, b = figures.reviewers
    assert figures.among_reviewers.solutions == 0
    assert (a.gold_first_fault.value, b.gold_first_fault.value, b.unsure) == (1, 0, 2)
    assert (a.misleading, a.misled.value, b.misled.value) == (1, 0, 0)
    # Nor does "unsure" name the same first fault as "clean", though neither names a step.
    assert figures.anchoring.blind_same.value == 0


def test_anchoring_is_by_what_was_shown_and_not_by_what_the_judge_says_since():
    shown = verdict("s", 1)
    reviews = [review("s", name, 1, suggestion=shown) for name in "ab"]
    figures = measure_reviews(reviews, [asked("s", suggestion=shown)], [verdict("s", 3)])
    assert (figures.anchoring.shown, figures.anchoring.shown_same.value) == (2, 1)
    assert figures.judge.first_fault.value == 0
    assert figures.judge_blind.solutions == 0


def test_only_the_last_review_of_each_person_counts():
    early = review("s", "a", 0, updated_at="2026-03-01T10:00:00Z")
    late = review("s", "a", 2, updated_at="2026-03-01T11:00:00Z")
    figures = measure_reviews([late, early], [asked("s")], [verdict("s", 2)])
    assert figures.reviews == 1
    assert figures.judge.first_fault.value == 1


def test_several_people_on_one_solution_do_not_count_as_several_solutions():
    twins = [Person(f"twin{n}", 0.9, follows=0.4) for n in range(6)]
    many = measured(twins, judge=0.6, solutions=100)
    few = measured(twins[:1], judge=0.6, solutions=100)
    wide, narrow = few.anchoring.effect, many.anchoring.effect
    # Six independent reviewers would make it narrower by the root of six.
    assert narrow.high - narrow.low > (wide.high - wide.low) / 6**0.5 * 1.3


def test_the_pace_leaves_out_pauses_and_what_came_before_them():
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    minutes = [0, 1, 2, 3, 63, 64, 65]
    reviews = [
        review(str(n), "a", 0, updated_at=(start + timedelta(minutes=m)).isoformat())
        for n, m in enumerate(minutes)
    ]
    Random(0).shuffle(reviews)
    found = pace(reviews)
    assert found.per_hour == pytest.approx(60)
    assert found.hours == pytest.approx(5 / 60)


@pytest.mark.parametrize("moment", [None, "yesterday", "2026-03-01T09:00:00"])
def test_times_that_tell_nothing_make_no_pace(moment):
    assert pace([review("s", "a", 0, updated_at=moment)] * 2) == (0, None)


def test_a_simulated_pace_is_recovered():
    ann, bob = measured((Person("ann", seconds=40), Person("bob", seconds=90)), solutions=500).reviewers
    assert ann.per_hour == pytest.approx(90, rel=0.15)
    assert bob.per_hour == pytest.approx(40, rel=0.15)


def test_peoples_own_verdicts_are_no_judge():
    people = verdict("s", 1).model_copy(update={"judge": PEOPLE})
    with pytest.raises(ValueError, match="judges' own"):
        measure_reviews([review("s", "a", 1)], [asked("s")], [people])


@settings(max_examples=10)
@given(
    random=st.randoms(use_true_random=False),
    blind=st.sampled_from(Blind),
    what=st.sampled_from([What.DOUBTFUL, What.RANDOM, What.ALL]),
)
def test_the_order_of_reviews_does_not_matter_and_figures_read_back_as_json(random, blind, what):
    people = (Person("ann", share=0.7), Person("bob", share=0.5), Person("cleo", share=0.2))
    found = review_by(people, solutions=30, size=20, gold=8, blind=blind, what=what, adjudicator="dora")
    figures = measure_reviews(found.reviews, found.sampled, found.verdicts)
    mixed = [random.sample(part, len(part)) for part in found[:3]]
    assert measure_reviews(*mixed) == figures
    assert ReviewFigures.model_validate_json(figures.model_dump_json()) == figures


def test_what_was_shown_for_its_doubt_says_nothing_of_what_suggestions_do():
    shown = verdict("s", 1)
    reviews = [review("s", "a", 1, suggestion=shown)]
    grown = asked("s", suggestion=shown, is_randomised=False)
    figures = measure_reviews(reviews, [grown], [verdict("s", 1)])
    assert figures.anchoring.shown == 0
    assert figures.judge.first_fault.value == 1
