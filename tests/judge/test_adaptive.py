from firstfault.datasets.records import ErrorType, Verdict, VerdictStatus
from firstfault.judge.adaptive import is_settled
from firstfault.judge.voting import Rule, decide
from hypothesis import example, given
from hypothesis import strategies as st

NAMES = ["symbolic", "rollout", "a", "b", "c"]
MOST = 2.0


def vote(judge, step=None, error_type=None, status=VerdictStatus.FAULTY):
    return Verdict(solution_id="s", judge=judge, status=status, first_fault=step, error_type=error_type)


@st.composite
def votes_of(draw, name):
    status = draw(st.sampled_from(VerdictStatus))
    if status is not VerdictStatus.FAULTY:
        return vote(name, status=status)
    kinds = [None, ErrorType.METHOD, ErrorType.EXECUTION]
    return vote(name, draw(st.integers(0, 2)), draw(st.sampled_from(kinds)))


@st.composite
def elections(draw):
    """All votes of a panel with their weights, and how many of them have been cast."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, 5))]
    votes = [draw(votes_of(name)) for name in names]
    weights = [draw(st.floats(0, MOST)) for _ in names]
    return votes, weights, draw(st.integers(1, len(names)))


def label(votes, rule, weights):
    verdict = decide(votes, rule=rule, weights=weights).verdict
    return verdict.status in (VerdictStatus.FAULTY, VerdictStatus.CLEAN) and (
        verdict.first_fault,
        verdict.error_type,
    )


def settled(votes, weights, cast, rule):
    waiting = [one.judge for one in votes[cast:]]
    return is_settled(votes[:cast], waiting, rule, weights=weights[:cast], most=[MOST] * len(waiting))


SPLIT = [vote("a", 1, ErrorType.METHOD), vote("b", 1, ErrorType.METHOD), vote("c", 1, ErrorType.EXECUTION)]
TURNS = [*SPLIT, vote("rollout", 1, ErrorType.EXECUTION)]


@given(election=elections(), rule=st.sampled_from(Rule))
@example(election=(TURNS, [1.0] * 4, 3), rule=Rule.NESTED)
def test_a_settled_label_is_the_one_that_all_votes_give(election, rule):
    votes, weights, cast = election
    if settled(votes, weights, cast, rule):
        assert label(votes[:cast], rule, weights[:cast]) == label(votes, rule, weights)


def test_what_is_settled():
    three = [vote(name, 1, ErrorType.METHOD) for name in "abc"]
    for rule in (Rule.NESTED, Rule.VETO, Rule.MAJORITY):
        assert is_settled(three, ["d", "e"], rule)
        assert not is_settled(three[:2], ["d", "e"], rule)
    # A proof could still overrule them, where it may.
    assert not is_settled(three, ["symbolic"], Rule.NESTED)
    assert is_settled(three, ["symbolic"], Rule.MAJORITY)
    # The step is settled here, the type is not.
    assert not is_settled(SPLIT, ["d"], Rule.NESTED)
    clean = [vote(name, status=VerdictStatus.CLEAN) for name in "abc"]
    assert is_settled(clean, ["d", "e"], Rule.NESTED)


def test_unanimity_is_settled_by_the_first_disagreement():
    assert is_settled([vote("a", 1), vote("b", 2)], ["c", "d", "e"], Rule.UNANIMITY)
    assert not is_settled([vote("a", 1), vote("b", 1)], ["c"], Rule.UNANIMITY)


def test_nothing_is_settled_while_no_vote_is_usable():
    assert not is_settled([vote("a", status=VerdictStatus.UNSURE)], ["b"], Rule.NESTED)


def test_a_lead_is_measured_against_the_largest_weights_that_are_left():
    votes, weights = [vote("a", 1), vote("b", 1)], [1.5, 1.5]
    assert is_settled(votes, ["c"], Rule.WEIGHTED, weights=weights, most=[2.0])
    assert not is_settled(votes, ["c", "d"], Rule.WEIGHTED, weights=weights, most=[2.0, 2.0])
