import re

import pytest
from firstfault.datasets.abacus import generate, program_of, signature
from firstfault.datasets.program import amount, apply
from firstfault.datasets.records import Problem, Split


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return generate(Split.MINING, 400, seed=5)


def test_the_same_seed_gives_the_same_problems_and_a_larger_count_starts_with_them():
    assert generate(Split.MINING, 30, seed=3) == generate(Split.MINING, 60, seed=3)[:30]
    assert generate(Split.MINING, 30, seed=3) != generate(Split.MINING, 30, seed=4)


def test_every_node_is_computed_exactly_and_the_last_is_the_answer(problems: list[Problem]):
    for problem in problems:
        program = program_of(problem)
        for node in program.nodes:
            left, right = amount(program.operand(node.left)), amount(program.operand(node.right))
            assert apply(node.op, left, right) == node.value
        assert problem.answer == str(program.nodes[-1].value)
        assert problem.level == len(program.nodes)


def test_every_number_that_a_step_uses_stands_in_the_question(problems: list[Problem]):
    words = {"2": "twice|two|half", "3": "three|third", "4": "four|quarter", "5": "five|fifth", "6": "six"}
    for problem in problems:
        program = program_of(problem)
        for given in program.givens:
            number = given.text.rstrip("%").split("/")[-1]
            said = re.search(rf"\b{number}\b|{words.get(number, 'no word')}", problem.question)
            assert said, (given.text, problem.question)


def test_distractors_are_used_by_no_node(problems: list[Problem]):
    with_distractors = 0
    for problem in problems:
        program = program_of(problem)
        used = {name for node in program.nodes for name in (node.left, node.right) if name.startswith("g")}
        unused = {f"g{i}" for i, given in enumerate(program.givens) if not given.used}
        assert not used & unused
        assert used | unused == {f"g{i}" for i in range(len(program.givens))}
        with_distractors += bool(unused)
    assert with_distractors > len(problems) / 3


def test_all_numbers_of_a_problem_differ(problems: list[Problem]):
    for problem in problems:
        program = program_of(problem)
        values = [amount(g.text) for g in program.givens] + [node.value for node in program.nodes]
        assert len(set(values)) == len(values)


def test_splits_share_no_template_with_the_same_numbers():
    def drawn_from(split: Split) -> set[str]:
        problems = [p for seed in (0, 1) for p in generate(split, 400, seed=seed, levels=[2])]
        return {signature(program_of(problem)) for problem in problems}

    drawn = {split: drawn_from(split) for split in Split}
    assert not drawn[Split.MINING] & drawn[Split.HELD_OUT]
    assert not drawn[Split.TRAIN] & (drawn[Split.MINING] | drawn[Split.HELD_OUT])


def test_levels_are_drawn_evenly_and_numbers_stay_within_the_largest(problems: list[Problem]):
    for level in range(2, 9):
        assert sum(problem.level == level for problem in problems) > 30
    small = generate(Split.MINING, 50, levels=[6], largest=100)
    for problem in small:
        assert problem.level == 6
        assert max(node.value for node in program_of(problem).nodes) <= 100


@pytest.mark.parametrize("wrong", [{"levels": [1]}, {"levels": []}, {"levels": [9]}, {"largest": 10}])
def test_impossible_settings_are_refused_by_value(wrong: dict[str, object]):
    with pytest.raises(ValueError, match="must be"):
        generate(Split.MINING, 1, **wrong)


def test_a_problem_from_elsewhere_has_no_program():
    with pytest.raises(ValueError, match="not from abacus"):
        program_of(Problem(question="1 + 1?", answer="2"))
