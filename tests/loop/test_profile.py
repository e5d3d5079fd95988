"""Profiles hold what the divergence says, however long the solution is."""

from itertools import pairwise

import pytest
from divergent import by_words, diverging
from firstfault.datasets.records import Solution
from firstfault.loop.profile import LEAST_MARKED, MOST_BARS, MOST_MARKED, Profile
from hypothesis import given
from hypothesis import strategies as st

STEPS = ("Step 1: 2 + 1 = 3.", "Step 2: 3 * 4 = 11.", "Answer: 11")
SOLUTION = Solution(id="s", problem_id="p", model="v", text="\n".join(STEPS), steps=STEPS)


def test_a_marked_token_stands_in_its_step_where_it_stands_in_the_text():
    ends = by_words(SOLUTION)
    place = ends.index(SOLUTION.text.index("11.") + 3)
    kl = [0.0] * len(ends)
    kl[place] = 1.5
    profile = Profile.of(diverging(SOLUTION, ends, kl, place), SOLUTION)
    [token] = profile.marked
    assert token == profile.parting
    assert STEPS[token.step][token.start : token.end] == token.text == " 11."
    assert (profile.preferred, token.kl) == ("12", 1.5)


@given(st.lists(st.integers(1, len(SOLUTION.text)), min_size=1, unique=True).map(sorted), st.data())
def test_steps_share_out_all_tokens_and_all_divergence(ends, data):
    kl = data.draw(
        st.lists(st.floats(0, 9).map(lambda x: round(x, 3)), min_size=len(ends), max_size=len(ends))
    )
    profile = Profile.of(diverging(SOLUTION, ends, kl), SOLUTION)
    assert sum(step.tokens for step in profile.steps) == profile.tokens == len(ends)
    assert profile.steps[0].first == 0
    assert all(one.first + one.tokens == next_one.first for one, next_one in pairwise(profile.steps))
    assert sum(step.kl for step in profile.steps) == pytest.approx(sum(kl), abs=0.01)
    assert sum(step.margin for step in profile.steps) == pytest.approx(-sum(kl), abs=0.01)
    assert sum(step.tokens * step.entropy for step in profile.steps) == pytest.approx(2 * sum(kl), abs=0.1)
    assert profile.kl == tuple(kl)
    assert {token.token for token in profile.marked} == {n for n, one in enumerate(kl) if one >= LEAST_MARKED}
    for token in profile.marked:
        assert 0 <= token.start <= token.end <= len(STEPS[token.step])


def test_tokens_of_a_long_solution_share_bars_that_hide_no_peak():
    text = "x" * 10_000
    long = Solution(id="s", problem_id="p", model="v", text=text, steps=(text,))
    kl = [0.2] * 10_000
    kl[7_003] = 8.0
    profile = Profile.of(diverging(long, list(range(1, 10_001)), kl, 9_999), long)
    assert len(profile.kl) <= MOST_BARS
    assert profile.kl[7_003 // profile.per_bar] == max(profile.kl) == 8.0
    assert min(profile.margin) == -8.0
    assert (profile.tokens, len(profile.marked)) == (10_000, MOST_MARKED)
    assert 7_003 in {token.token for token in profile.marked}
    assert profile.parting is not None
    assert profile.parting.token == 9_999
