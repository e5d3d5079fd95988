import pytest
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Split
from firstfault.judge.contrast import corresponding_step, numbers_of, type_fault


@pytest.fixture(scope="module")
def problems():
    return generate(Split.MINING, 120, seed=9)


@pytest.mark.parametrize("error_type", [kind for kind in ErrorType if kind is not ErrorType.DEGENERATE])
def test_planted_faults_are_typed_as_planted(problems, error_type):
    typed = []
    for seed, problem in enumerate(problems):
        planted = inject(problem, seed % (problem.level or 1), error_type, seed=seed)
        if planted:
            right = right_solution(problem).steps
            steps, at = planted.solution.steps, planted.step
            typed.append(type_fault(problem.question, steps[:at], steps[at], right[at]).error_type)
    assert len(typed) > 20
    assert typed.count(error_type) >= 0.95 * len(typed)


def test_the_same_equation_about_another_quantity_is_conceptual():
    fault = type_fault("Mia has 3 pens and 4 cups.", [], "3 + 4 = 7 pens", "3 + 4 = 7 things")
    assert fault.error_type is ErrorType.CONCEPTUAL


def test_numbers_in_words_count_as_given():
    assert numbers_of("Half of the twenty-one pens, three times 1,200") >= {2, 1, 3, 1200}
    fault = type_fault("She has three boxes of 5 pens.", [], "3 + 5 = 8 pens", "3 * 5 = 15 pens")
    assert fault.error_type is ErrorType.METHOD


def test_a_step_is_contrasted_with_the_one_it_should_have_been():
    right = ("Step 1: Ann has 3 * 5 = 15 pens.", "Step 2: Bob has 15 - 4 = 11 cups left.")
    assert corresponding_step("Step 1: Bob has 15 + 4 = 19 cups left.", right) == right[1]
    assert corresponding_step("Step 1: Zoe runs.", right) == right[0]
    with pytest.raises(ValueError, match="without steps"):
        corresponding_step("x", [])
