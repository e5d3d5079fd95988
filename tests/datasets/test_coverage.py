from collections import Counter
from itertools import combinations
from math import sqrt

from firstfault.datasets import coverage
from firstfault.datasets.coverage import WEIGHTS, cover, position
from firstfault.datasets.records import ErrorType, Pair
from hypothesis import given, settings
from hypothesis import strategies as st


def pair(n, error_type=ErrorType.EXECUTION, step=0, steps=6, **changes) -> Pair:
    return Pair(
        prompt=f"Question {n}",
        chosen="right",
        rejected="wrong",
        problem_id=f"p{n}",
        solution_id=f"s{n}",
        model="m",
        step=step,
        steps=steps,
        error_type=error_type,
        **changes,
    )


candidates = st.lists(
    st.builds(
        pair,
        st.integers(0, 10_000),
        st.sampled_from([None, *ErrorType]),
        st.integers(0, 5),
        level=st.integers(2, 4),
        template=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
        margin_variant=st.one_of(st.none(), st.floats(-20, 5)),
    ),
    max_size=30,
    unique_by=lambda one: one.id,
)


def value(chosen, everything) -> float:
    """F of the module's docstring, written out anew."""
    worth = dict(zip((p.id for p in everything), coverage._worth(everything), strict=True))
    covered = Counter()
    for one in chosen:
        for key, _ in coverage._values(one):
            covered[key] += worth[one.id]
    weights = {key: weight for one in everything for key, weight in coverage._values(one)}
    return sum(weights[key] * sqrt(total) for key, total in covered.items())


@given(candidates, st.integers(1, 40))
def test_as_many_are_chosen_as_asked_for_and_there_are(pairs, size):
    chosen = cover(pairs, size)
    assert len({one.id for one in chosen}) == len(chosen) == min(size, len(pairs))


@given(candidates, st.integers(0, 3), st.randoms())
def test_the_order_of_candidates_does_not_matter(pairs, seed, rng):
    shuffled = rng.sample(pairs, len(pairs))
    assert cover(pairs, 10, seed=seed) == cover(shuffled, 10, seed=seed)


@given(candidates, st.integers(1, 20))
def test_the_first_n_are_the_choice_of_n(pairs, size):
    assert cover(pairs, 20)[:size] == cover(pairs, size)


@settings(max_examples=40, deadline=None)
@given(candidates.filter(lambda pairs: len(pairs) >= 3), st.integers(1, 3))
def test_greedy_reaches_its_bound(pairs, size):
    pairs = pairs[:9]
    # Parts of a template share its weight, so that the same part may weigh differently in two pairs.
    pairs = [one.model_copy(update={"template": one.template[:1]}) for one in pairs]
    best = max(value(choice, pairs) for choice in combinations(pairs, min(size, len(pairs))))
    assert value(cover(pairs, size), pairs) >= (1 - 1 / 2.718281828) * best - 1e-9


@settings(deadline=None)
@given(candidates)
def test_lazy_evaluation_chooses_what_plain_greedy_does(pairs):
    pairs = [one.model_copy(update={"template": one.template[:1]}) for one in pairs]
    left, chosen = list(pairs), []
    for taken in cover(pairs, 5):
        gains = {one.id: value([*chosen, one], pairs) - value(chosen, pairs) for one in left}
        assert gains[taken.id] >= max(gains.values()) - 1e-9
        chosen.append(taken)
        left.remove(taken)


def test_rare_error_types_are_not_drowned():
    common = [pair(n) for n in range(100)]
    rare = [pair(1000 + n, ErrorType.METHOD) for n in range(10)]
    kinds = Counter(one.error_type for one in cover([*common, *rare], 20))
    assert kinds == {ErrorType.EXECUTION: 10, ErrorType.METHOD: 10}


def test_levels_and_templates_are_covered():
    many = [pair(n, level=2, template=("gain",)) for n in range(50)]
    few = [pair(100 + n, level=7, template=("split", "take")) for n in range(3)]
    assert set(few) <= set(cover([*many, *few], 8))


def test_pairs_that_the_variant_gets_wrong_by_little_come_first():
    margins = [-40.0, 3.0, -0.5, None, -8.0]
    pairs = [pair(n, margin_variant=margin) for n, margin in enumerate(margins)]
    assert [one.margin_variant for one in cover(pairs, 5)] == [None, -0.5, -8.0, 3.0, -40.0]


def test_the_seed_decides_between_equals():
    pairs = [pair(n) for n in range(50)]
    assert cover(pairs, 5, seed=1) != cover(pairs, 5, seed=2)


def test_positions_are_thirds():
    assert [position(pair(0, step=step)) for step in range(6)] == [0, 0, 1, 1, 2, 2]


def test_everything_that_is_weighed_is_looked_at():
    looked = {name for (name, _), _ in coverage._values(pair(0, template=("gain",)))}
    assert looked == set(WEIGHTS)
