"""What is left open is settled by what is at hand."""

import pytest
from firstfault.restore.config import RestoreConfig


@pytest.mark.parametrize("method", ["adapter", "scales"])
def test_states_are_learnt_where_full_precision_is_at_hand_with_settings_of_their_own(method):
    config = RestoreConfig(method=method)
    with_teacher, without = config.settled(teacher=True), config.settled(teacher=False)
    assert (with_teacher.target, without.target) == ("states", "token")
    assert with_teacher.epochs > without.epochs
    assert with_teacher.learning_rate > without.learning_rate
    assert with_teacher.batch_size < without.batch_size
    assert with_teacher.steps(100) == 8 * 25


def test_what_is_given_stands():
    given = {"epochs": 2.5, "learning_rate": 1e-5, "batch_size": 7, "target": "distribution"}
    settled = RestoreConfig.model_validate(given).settled(teacher=True)
    assert {name: getattr(settled, name) for name in given} == given
    assert settled.steps(8) == 5


def test_only_the_first_rejected_token_goes_with_a_teacher():
    config = RestoreConfig(rejected="solution")
    assert config.settled(teacher=True).target == "token"
    for impossible in ({"target": "states"}, {"method": "scales"}):
        with pytest.raises(ValueError, match="goes with rejected: token only"):
            RestoreConfig.model_validate({"rejected": "solution", **impossible})


@pytest.mark.parametrize("teacher", [True, False])
@pytest.mark.parametrize("in_place", [True, False])
def test_auto_is_in_place_where_the_format_is_written_and_states_are_learnt(teacher, in_place):
    settled = RestoreConfig(method="auto").settled(teacher=teacher, in_place=in_place)
    assert settled.method == ("scales" if teacher and in_place else "adapter")
    fixed = RestoreConfig.model_validate({"method": settled.method}).settled(teacher=teacher)
    assert settled == fixed
    otherwise = RestoreConfig(method="auto", rejected="solution").settled(teacher=teacher, in_place=in_place)
    assert otherwise.method == "adapter"
