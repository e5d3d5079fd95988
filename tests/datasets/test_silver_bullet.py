from collections import Counter

from firstfault.datasets.funnel import Funnel
from firstfault.datasets.silver_bullet import CurateConfig, choose, is_test
from hypothesis import given
from hypothesis import strategies as st
from mined import pair_of, regressions

PAIRS = [pair_of(item) for item in regressions(200)]


def test_train_and_test_share_no_problem():
    funnel = Funnel()
    chosen = choose(PAIRS, CurateConfig(size=100), funnel)
    assert (len(chosen.train), len(chosen.test)) == (100, 10)
    assert not {pair.problem_id for pair in chosen.train} & {pair.problem_id for pair in chosen.test}
    (gate,) = funnel.gates
    assert gate.kept == 110


@given(st.lists(st.sampled_from(PAIRS), unique_by=lambda pair: pair.id, min_size=1))
def test_no_revision_moves_a_problem_to_the_other_part(pairs):
    chosen = choose(pairs, CurateConfig(), Funnel())
    for pair in chosen.test:
        assert is_test(pair.problem_id, 0.1)
    if any(not is_test(pair.problem_id, 0.1) for pair in pairs):
        assert not any(is_test(pair.problem_id, 0.1) for pair in chosen.train)
    assert chosen.train


def test_the_test_share_is_what_was_asked_for():
    found = Counter(is_test(f"p-{n}", 0.1) for n in range(10_000))
    assert abs(found[True] - 1000) < 150
    assert not any(is_test(f"p-{n}", 0.0) for n in range(100))


def test_shuffled_candidates_give_the_same_choice():
    assert choose(PAIRS, CurateConfig(size=50), Funnel()) == choose(
        PAIRS[::-1], CurateConfig(size=50), Funnel()
    )
