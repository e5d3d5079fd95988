import pytest
from firstfault.annotate.argilla.asking import Asking, Blind, What
from firstfault.annotate.argilla.sampling import (
    Candidate,
    doubt,
    draw,
    draw_gold,
    merge,
)
from firstfault.datasets.records import Drawn, Problem, Solution, Verdict, VerdictStatus
from hypothesis import given
from hypothesis import strategies as st


def candidate(number, *, confidence=0.9, votes=(), needs_review=False, status=VerdictStatus.FAULTY):
    problem = Problem(question=f"q{number}", answer="1")
    solution = Solution(problem_id=problem.id, model="m", text=f"t{number}", steps=("a", "b", "c"))
    verdict = Verdict(
        solution_id=solution.id,
        judge="panel",
        status=status,
        first_fault=1 if status is VerdictStatus.FAULTY else None,
        confidence=confidence,
        needs_review=needs_review,
        votes=tuple(
            Verdict(solution_id=solution.id, judge=str(n), status=VerdictStatus.FAULTY, first_fault=step)
            for n, step in enumerate(votes)
        ),
    )
    return Candidate(problem, solution, None, verdict)


MANY = [
    candidate(number, confidence=(number % 50) / 50, needs_review=number % 10 == 0) for number in range(300)
]
COUNTS = st.integers(0, 320)


def ids(sample, drawn=None):
    return {one.solution_id for one in sample if drawn in (None, one.drawn)}


def test_doubt_is_highest_without_a_label_and_marked_verdicts_stand_above_the_others():
    unsure = candidate(1, status=VerdictStatus.UNSURE).verdict
    split = candidate(2, votes=(1, 2), needs_review=True).verdict
    agreed = candidate(3, votes=(1, 1)).verdict
    timid = candidate(4, confidence=0.1).verdict
    assert doubt(None) == doubt(unsure) == 1
    assert 1 > doubt(split) > doubt(timid) > doubt(agreed) > 0


@given(COUNTS, st.floats(0, 1))
def test_the_doubtful_come_first_and_the_random_share_is_a_sample_of_all(size, share):
    sample = draw(MANY, Asking(size=size, random_share=share))
    assert len(sample) == len(ids(sample)) == min(size, len(MANY))
    assert len(ids(sample, Drawn.RANDOM)) == round(min(size, 1e9) * share) or size > len(MANY)
    chosen = ids(sample, Drawn.DOUBTFUL)
    left = [one for one in MANY if one.solution.id not in ids(sample)]
    if chosen and left:
        doubts = [doubt(one.verdict) for one in MANY if one.solution.id in chosen]
        assert min(doubts) >= max(doubt(one.verdict) for one in left)


@given(COUNTS, COUNTS)
def test_a_larger_random_sample_contains_the_smaller(one, other):
    small, large = (draw(MANY, Asking(what=What.RANDOM, size=size)) for size in sorted((one, other)))
    assert ids(small) <= ids(large)


def test_the_blind_half_is_half_and_owes_nothing_to_the_doubt():
    sample = draw(MANY, Asking(what=What.ALL))
    assert {one.drawn for one in sample} == {Drawn.RANDOM}
    blind = {one.solution_id for one in sample if one.suggestion is None}
    assert 120 < len(blind) < 180
    doubts = [doubt(one.verdict) for one in MANY if one.solution.id in blind]
    assert sum(doubts) / len(doubts) == pytest.approx(
        sum(doubt(one.verdict) for one in MANY) / len(MANY), abs=0.03
    )
    assert all(one.suggestion is None for one in draw(MANY, Asking(what=What.ALL, blind=Blind.ALL)))
    assert all(one.suggestion is not None for one in draw(MANY, Asking(what=What.ALL, blind=Blind.NONE)))
    doubtful = draw(MANY, Asking(random_share=0))
    assert all(one.suggestion is not None for one in doubtful)


def test_half_of_golds_suggestions_mislead_and_they_look_like_the_others():
    judged = [one.verdict for one in MANY[:40]]
    gold = draw_gold(MANY[100:300], judged, Asking())
    misleading = [one for one in gold if one.is_misleading]
    assert 70 < len(misleading) < 130
    looks = {(one.judge, one.confidence) for one in judged}
    assert {(one.suggestion.judge, one.suggestion.confidence) for one in gold} <= looks
    assert all(0 <= one.suggestion.first_fault < one.steps for one in gold)
    assert all(one.suggestion is None for one in draw_gold(MANY, judged, Asking(blind=Blind.ALL)))


def test_asking_for_more_keeps_what_was_shown():
    before = draw(MANY, Asking(size=50, random_share=0))
    now = draw(MANY, Asking(size=80, random_share=1))
    both = merge(before, now)
    assert [one.solution_id for one in both[:50]] == [one.solution_id for one in before]
    assert [one.suggestion for one in both[:50]] == [one.suggestion for one in before]
    assert ids(both, Drawn.RANDOM) == ids(now)
    assert merge(both, now) == both
    # What was shown for its doubt says nothing of what suggestions do.
    late = {one.solution_id for one in before} & ids(now)
    assert late
    assert {one.solution_id for one in both if one.is_randomised} == ids(now) - late
