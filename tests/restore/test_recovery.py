import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Solution
from firstfault.restore.recovery import recovery
from hypothesis import given
from hypothesis import strategies as st

Results = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60)


def models(results):
    return [
        [
            Solution(problem_id=f"p{n}", model=name, text=name, correct=row[column])
            for n, row in enumerate(results)
        ]
        for column, name in enumerate(["full_precision", "quantized", "restored"])
    ]


LOSSY = (
    [(True, True, True)] * 50 + [(True, False, True)] * 30 + [(True, False, False)] * 10 + [(False,) * 3] * 10
)


def test_recovery_is_the_share_of_the_loss_that_came_back():
    found = recovery(*models(LOSSY))
    assert found.value == pytest.approx(0.75)
    assert found.low < 0.75 < found.high
    assert (found.problems, found.draws_left_out) == (100, 0.0)


def test_the_interval_is_that_of_drawing_whole_problems():
    # 30 of 40 lost problems came back, so the share is binomial: 0.75 +- 1.96 x 0.068.
    found = recovery(*models(LOSSY))
    assert found.low == pytest.approx(0.616, abs=0.02)
    assert found.high == pytest.approx(0.884, abs=0.02)


@given(Results)
def test_a_model_restored_to_full_precision_recovers_all_and_an_unchanged_one_nothing(results):
    full, quantized, _ = models(results)
    for restored, expected in ((full, 1.0), (quantized, 0.0)):
        found = recovery(full, quantized, restored, draws=200)
        assert found.value is None or (found.low, found.value, found.high) == (expected,) * 3


@given(Results, st.randoms())
def test_the_order_of_solutions_does_not_matter(results, random):
    given_models = models(results)
    shuffled = [random.sample(solutions, len(solutions)) for solutions in given_models]
    assert recovery(*given_models, draws=200) == recovery(*shuffled, draws=200)


@given(Results)
def test_the_interval_is_ordered_and_there_is_none_where_nothing_was_lost(results):
    found = recovery(*models(results), draws=200)
    lost = sum(full - quantized for full, quantized, _ in results)
    assert (found.value is None) == (lost <= 0)
    assert (found.low is None) == (found.high is None)
    assert found.low is None or found.low <= found.high
    assert 0 <= found.draws_left_out <= 1


def test_the_same_seed_gives_the_same_interval():
    assert recovery(*models(LOSSY), seed=4) == recovery(*models(LOSSY), seed=4)


def test_draws_without_a_loss_are_left_out_and_counted():
    found = recovery(*models([(True, False, True), (True, True, True), (True, True, True)]))
    assert found.draws_left_out == pytest.approx((2 / 3) ** 3, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[1:], "p0 is not solved by all"),
        (lambda s: [*s, s[0]], "p0 is solved twice"),
        (lambda s: [s[0].model_copy(update={"correct": None}), *s[1:]], "not graded"),
    ],
)
def test_solutions_that_do_not_pair_up_are_refused(change, message):
    full, quantized, restored = models(LOSSY)
    with pytest.raises(InputError, match=message):
        recovery(full, quantized, change(restored))


def test_no_solutions_at_all_are_refused():
    with pytest.raises(InputError, match="no solutions"):
        recovery([], [], [])
