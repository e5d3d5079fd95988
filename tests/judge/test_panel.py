import pytest
from firstfault.datasets.records import ErrorType, Problem, Solution, Subtype, Verdict, VerdictStatus
from firstfault.judge.case import Case
from firstfault.judge.panel import PanelJudge, decide
from firstfault.judge.symbolic import SymbolicJudge
from hypothesis import given
from hypothesis import strategies as st


def vote(judge, step=None, error_type=ErrorType.METHOD, status=VerdictStatus.FAULTY, **fields):
    return Verdict(
        solution_id="s",
        judge=judge,
        status=status,
        first_fault=step,
        error_type=error_type if status is VerdictStatus.FAULTY else None,
        **fields,
    )


def proof(step):
    return vote("symbolic", step, ErrorType.EXECUTION)


UNSURE = vote("symbolic", status=VerdictStatus.UNSURE, reason="no false arithmetic")
CLEAN = vote("rollout", status=VerdictStatus.CLEAN)


@st.composite
def panels(draw):
    names = draw(
        st.lists(st.sampled_from(["symbolic", "rollout", "a", "b", "c"]), min_size=1, max_size=5, unique=True)
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


@given(votes=panels(), data=st.data())
def test_the_order_of_judges_never_decides(votes, data):
    shuffled = data.draw(st.permutations(votes))
    assert label(decide(votes).verdict) == label(decide(shuffled).verdict)


@given(votes=panels())
def test_every_vote_is_kept_and_no_first_fault_lies_behind_a_proof(votes):
    verdict = decide(votes).verdict
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


class Recorder:
    """Says that step 2 is a method fault, and remembers what it was asked."""

    name = "rollout"

    def __init__(self):
        self.asked = []

    def judge(self, cases):
        self.asked += [case.solution.id for case in cases]
        for case in reversed(cases):
            yield vote("rollout", 1, subtype=Subtype.FORMULA).model_copy(
                update={"solution_id": case.solution.id}
            )


def case(*steps):
    problem = Problem(question="How many?", answer="5")
    return Case(problem, Solution(problem_id=problem.id, model="m", text="\n".join(steps), steps=steps))


def test_every_judge_sees_every_case_and_a_proof_still_bounds_the_step():
    proven, open_case = case("1 + 1 = 3", "so"), case("1 + 1 = 2", "so")
    later = Recorder()
    first, second = PanelJudge([SymbolicJudge(), later]).judge([proven, open_case])
    assert later.asked == [proven.solution.id, open_case.solution.id]
    assert (first.judge, first.first_fault, len(first.votes)) == ("panel", 0, 2)
    assert (second.judge, second.first_fault, len(second.votes)) == ("panel", 1, 2)


def test_the_same_solution_twice_gets_two_verdicts():
    twin = case("1 + 1 = 2", "so")
    assert len(list(PanelJudge([SymbolicJudge(), Recorder()]).judge([twin, twin]))) == 2
