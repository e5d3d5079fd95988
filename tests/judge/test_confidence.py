from itertools import product
from math import prod

import pytest
from firstfault.judge.confidence import posterior, weigh
from hypothesis import given
from hypothesis import strategies as st

sure = st.floats(0.05, 0.95)


@given(confidence=sure, places=st.integers(2, 9))
def test_the_posterior_of_one_vote_is_its_own_confidence(confidence, places):
    assert posterior([(1, confidence)], 1, places) == pytest.approx(confidence)


@given(votes=st.lists(st.tuples(st.sampled_from([None, 0, 1, 2]), sure), min_size=1, max_size=5))
def test_the_posterior_is_bayes_rule_over_all_places(votes):
    places = [None, 0, 1, 2, 3]

    def likelihood(true):
        return prod(p if said == true else (1 - p) / (len(places) - 1) for said, p in votes)

    total = sum(map(likelihood, places))
    for place in places:
        assert posterior(votes, place, len(places)) == pytest.approx(likelihood(place) / total)


@given(ps=st.lists(sure, min_size=2, max_size=4), places=st.integers(2, 4))
def test_the_weightiest_place_is_the_likeliest(ps, places):
    """Over all ways to vote, most weight and most probable name the same place, but for ties."""
    for said in product(range(places), repeat=len(ps)):
        if all(p * (places - 1) / (1 - p) >= 1 for p in ps):
            votes = list(zip(said, ps, strict=True))
            weights = [sum(weigh(p, places) for s, p in votes if s == place) for place in range(places)]
            chances = [posterior(votes, place, places) for place in range(places)]
            best = max(range(places), key=lambda place: weights[place])
            assert chances[best] == pytest.approx(max(chances), rel=1e-6)


def test_no_vote_weighs_less_than_nothing_or_more_than_it_can_know():
    assert weigh(0.1, 2) == 0
    assert weigh(0.5, 2) == 0
    assert weigh(1.0, 2) == weigh(0.99, 2) < 5
    assert weigh(0.8, 6) > weigh(0.8, 2)
    assert 0.98 < posterior([(1, 1.0)], 1, 2) < 1
