from collections import Counter

from firstfault.datasets.records import ErrorType, Pair
from firstfault.datasets.silver_bullet import distinct, position, select
from hypothesis import given
from hypothesis import strategies as st


def pair(n: int, error_type: ErrorType | None = ErrorType.EXECUTION, step: int = 0, steps: int = 6) -> Pair:
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
    )


pairs = st.lists(
    st.builds(pair, st.integers(0, 40), st.sampled_from([None, *ErrorType]), st.integers(0, 5)), max_size=60
)


@given(pairs, st.integers(1, 30))
def test_as_many_distinct_pairs_are_chosen_as_asked_for_and_there_are(candidates, size):
    chosen = select(candidates, size)
    assert len(chosen) == min(size, len(distinct(candidates)))
    assert len({(p.prompt, p.chosen, p.rejected) for p in chosen}) == len(chosen)


@given(st.lists(st.integers(0, 1000), unique=True, max_size=50), st.integers(1, 30))
def test_shuffled_candidates_give_the_same_selection(numbers, size):
    candidates = [pair(n, list(ErrorType)[n % 5], n % 6) for n in numbers]
    assert select(candidates, size) == select(candidates[::-1], size)


def test_rare_error_types_are_not_drowned():
    common = [pair(n) for n in range(100)]
    rare = [pair(1000 + n, ErrorType.METHOD) for n in range(10)]
    kinds = Counter(p.error_type for p in select([*common, *rare], 20))
    assert kinds == {ErrorType.EXECUTION: 10, ErrorType.METHOD: 10}


def test_step_positions_are_balanced():
    early, late = [pair(n, step=0) for n in range(50)], [pair(100 + n, step=5) for n in range(5)]
    assert Counter(position(p) for p in select([*early, *late], 10)) == {0: 5, 2: 5}


def test_duplicates_and_pairs_without_a_difference_go():
    same = pair(1).model_copy(update={"id": "x-other"})
    empty = pair(2).model_copy(update={"chosen": "wrong "})
    assert distinct([pair(1), same, empty]) == [pair(1)]
