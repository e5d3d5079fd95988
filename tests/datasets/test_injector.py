import pytest
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.oracle import oracle
from firstfault.datasets.records import ErrorType, Split, VerdictStatus
from hypothesis import given
from hypothesis import strategies as st

PROBLEMS = generate(Split.HELD_OUT, 150, seed=11)


def test_right_solutions_are_clean_by_the_oracle():
    for problem in PROBLEMS:
        assert oracle(problem, right_solution(problem)).status is VerdictStatus.CLEAN


@given(st.sampled_from(PROBLEMS), st.sampled_from(list(ErrorType)), st.data(), st.integers(0, 99))
def test_the_oracle_finds_exactly_what_was_planted(problem, error_type, data, seed):
    step = data.draw(st.integers(0, problem.level - 1))
    planted = inject(problem, step, error_type, seed=seed)
    if planted is not None:
        found = oracle(problem, planted.solution)
        assert (found.first_fault, found.error_type) == (step, error_type)
        assert planted.truth.first_fault == step


@pytest.mark.parametrize("error_type", list(ErrorType))
def test_most_steps_admit_most_faults(error_type: ErrorType):
    planted = [inject(problem, problem.level - 1, error_type) for problem in PROBLEMS]
    assert sum(one is not None for one in planted) > len(PROBLEMS) / 2


def test_steps_after_the_fault_go_on_from_its_value():
    problem = next(p for p in PROBLEMS if p.level == 5 and inject(p, 0, ErrorType.EXECUTION))
    planted = inject(problem, 0, ErrorType.EXECUTION)
    assert planted is not None
    right = right_solution(problem)
    assert planted.solution.steps[0] != right.steps[0]
    assert planted.solution.answer != right.answer
    assert len(planted.solution.steps) == len(right.steps)


def test_planting_is_seeded_and_refuses_a_step_that_is_not_there():
    problem = PROBLEMS[0]
    assert inject(problem, 0, ErrorType.EXECUTION, seed=1) == inject(problem, 0, ErrorType.EXECUTION, seed=1)
    with pytest.raises(ValueError, match="step must be"):
        inject(problem, 99, ErrorType.EXECUTION)
