import pytest
from firstfault.datasets.records import ErrorType, VerdictStatus
from firstfault.judge.voting import Rule, decide
from hypothesis import given
from hypothesis import strategies as st
from votes import vote


def proof(step):
    return vote("symbolic", step, ErrorType.EXECUTION)


UNSURE = vote("symbolic", status=VerdictStatus.UNSURE, reason="no false arithmetic")
CLEAN = vote("rollout", status=VerdictStatus.CLEAN)


@st.composite
def panels(draw, most=5):
    names = draw(
        st.lists(
            st.sampled_from(["symbolic", "rollout", "a", "b", "c"]), min_size=1, max_size=most, unique=True
        )
    )
    statuses = st.sampled_from(VerdictStatus)
    votes = []
    for name in names:
        status = draw(statuses)
        faulty = status is VerdictStatus.FAULTY
        step = draw(st.integers(0, 4)) if faulty else None
        kind = draw(st.sampled_from(ErrorType)) if faulty else None
        votes.append(vote(name, step, kind, status))
    return votes


def label(verdict):
    return (verdict.status, verdict.first_fault, verdict.error_type, verdict.needs_review)


@given(votes=panels(), rule=st.sampled_from(Rule), data=st.data())
def test_the_order_of_judges_never_decides(votes, rule, data):
    weighed = [(vote, data.draw(st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.5]))) for vote in votes]
    shuffled = data.draw(st.permutations(weighed))
    labels = [
        label(decide([v for v, _ in pairs], rule=rule, weights=[w for _, w in pairs]).verdict)
        for pairs in (weighed, shuffled)
    ]
    assert labels[0] == labels[1]


@given(votes=panels(), rule=st.sampled_from([rule for rule in Rule if rule.has_veto]))
def test_every_vote_is_kept_and_no_first_fault_lies_behind_a_proof(votes, rule):
    verdict = decide(votes, rule=rule).verdict
    assert verdict.votes == tuple(votes)
    proofs = [one.first_fault for one in votes if one.judge == "symbolic" and one.first_fault is not None]
    if proofs:
        assert verdict.status is VerdictStatus.FAULTY
        assert verdict.first_fault <= min(proofs)


def test_agreement_needs_no_review():
    decision = decide([proof(2), vote("rollout", 2, ErrorType.EXECUTION)])
    assert (decision.share, decision.verdict.first_fault, decision.verdict.needs_review) == (1.0, 2, False)


def test_an_unsure_vote_carries_no_weight():
    decision = decide([UNSURE, vote("rollout", 1)])
    assert (decision.share, decision.verdict.first_fault, decision.verdict.needs_review) == (1.0, 1, False)


def test_a_proof_overrules_a_later_fault_and_a_clean_bill_but_people_look():
    for other in (vote("rollout", 4), CLEAN):
        verdict = decide([proof(2), other]).verdict
        assert (verdict.first_fault, verdict.error_type, verdict.needs_review) == (
            2,
            ErrorType.EXECUTION,
            True,
        )


def test_a_proof_overrules_a_majority_for_a_later_fault():
    assert decide([proof(2), vote("a", 4), vote("b", 4)]).verdict.first_fault == 2


def test_a_tie_goes_to_the_earlier_fault():
    verdict = decide([proof(3), vote("rollout", 1)]).verdict
    assert (verdict.first_fault, verdict.error_type, verdict.needs_review) == (1, ErrorType.METHOD, True)


def test_on_the_step_of_a_proof_a_contrast_with_the_right_step_names_the_type():
    verdict = decide([proof(2), vote("rollout", 2, ErrorType.CONCEPTUAL)]).verdict
    assert (verdict.first_fault, verdict.error_type, verdict.needs_review) == (2, ErrorType.CONCEPTUAL, True)


def test_a_vote_without_a_type_leaves_the_type_to_the_proof():
    verdict = decide([proof(2), vote("rollout", 2, None)]).verdict
    assert (verdict.first_fault, verdict.error_type) == (2, ErrorType.EXECUTION)


def test_a_majority_wins_against_one():
    verdict = decide([vote("a", 3), vote("b", 3), vote("c", 1)]).verdict
    assert (verdict.first_fault, verdict.needs_review) == (3, True)


def test_without_a_usable_vote_the_panel_is_unsure_and_says_why():
    verdict = decide([UNSURE]).verdict
    assert (verdict.status, verdict.reason) == (VerdictStatus.UNSURE, "symbolic: no false arithmetic")
    unscored = vote("rollout", status=VerdictStatus.UNSCORED, reason="no steps")
    assert decide([unscored]).verdict.status is VerdictStatus.UNSCORED


def test_votes_on_different_solutions_are_refused():
    other = vote("rollout", 1).model_copy(update={"solution_id": "t"})
    with pytest.raises(ValueError, match="one solution"):
        decide([proof(1), other])
    with pytest.raises(ValueError, match="one solution"):
        decide([])


@given(votes=panels())
def test_with_equal_weights_weighted_is_nested(votes):
    nested = decide(votes, rule=Rule.NESTED)
    assert decide(votes, rule=Rule.WEIGHTED) == nested
    assert decide(votes, rule=Rule.WEIGHTED, weights=[2.0] * len(votes)) == nested


@given(votes=panels(most=2))
def test_for_two_judges_every_rule_with_a_veto_decides_alike(votes):
    decisions = [decide(votes, rule=rule) for rule in Rule if rule.has_veto]
    assert decisions == [decisions[0]] * 3


def test_judges_who_give_one_step_different_reasons_agree_on_the_step_only_when_it_goes_first():
    votes = [vote("a", 2, kind) for kind in (ErrorType.METHOD, ErrorType.CONCEPTUAL, ErrorType.REASONING)]
    votes += [vote(name, status=VerdictStatus.CLEAN) for name in ("d", "e")]
    nested, together = (decide(votes, rule=rule).verdict for rule in (Rule.NESTED, Rule.VETO))
    assert (nested.first_fault, nested.error_type, nested.needs_review) == (2, ErrorType.CONCEPTUAL, True)
    assert (together.status, together.needs_review) == (VerdictStatus.CLEAN, True)


def test_without_the_veto_a_proof_is_one_vote():
    votes = [proof(2), vote("a", 4), vote("b", 4)]
    assert decide(votes, rule=Rule.MAJORITY).verdict.first_fault == 4
    assert decide(votes, rule=Rule.VETO).verdict.first_fault == 2


def test_a_heavy_vote_wins_against_two_light_ones():
    votes = [vote("a", 1), vote("b", 3), vote("c", 3)]
    assert decide(votes, rule=Rule.WEIGHTED, weights=[3.0, 1.0, 1.0]).verdict.first_fault == 1
    assert decide(votes, rule=Rule.NESTED, weights=[3.0, 1.0, 1.0]).verdict.first_fault == 3


def test_unanimity_says_what_all_say_or_that_it_can_not_tell():
    agreed = decide([vote("a", 3), vote("b", 3), UNSURE], rule=Rule.UNANIMITY)
    assert (agreed.verdict.first_fault, agreed.verdict.needs_review) == (3, False)
    split = decide([vote("a", 3), vote("b", 3), vote("c", 4)], rule=Rule.UNANIMITY).verdict
    assert (split.status, split.reason, split.needs_review) == (
        VerdictStatus.UNSURE,
        "the judges disagree",
        True,
    )
    assert len(split.votes) == 3
