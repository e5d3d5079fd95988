from random import Random

import pytest
from firstfault.annotate.losses import OTHERS, losses
from firstfault.datasets.records import Problem, Solution


def world(loss, count=400, *, levels=(1, 2, 3, 4), subjects=("a", "b"), steps=lambda level: level + 1):
    """Problems that full precision solves; the variant fails with probability `loss(level, subject)`."""
    rng = Random(3)
    problems, full, variant = [], [], []
    for n in range(count):
        level, subject = rng.choice(levels), rng.choice(subjects)
        problem = Problem(question=f"q{n}", answer="1", level=level, subject=subject)
        written = {"problem_id": problem.id, "text": f"t{n}", "steps": tuple("s" * steps(level))}
        problems.append(problem)
        full.append(Solution(model="full_precision", correct=True, **written))
        variant.append(Solution(model="v", correct=rng.random() >= loss(level, subject), **written))
    return problems, full, variant


def test_the_slope_is_the_one_that_was_put_in():
    found = losses(*world(lambda level, _: 0.1 * level, 2000)).level
    assert found is not None
    assert found.slope is not None
    assert found.slope.low < 0.1 < found.slope.high
    assert found.slope.low > 0.05
    assert [group.name for group in found.groups] == ["1", "2", "3", "4"]


def test_without_a_trend_the_interval_holds_0():
    found = losses(*world(lambda *_: 0.2)).level
    assert found is not None
    assert found.slope is not None
    assert found.slope.low < 0 < found.slope.high


def test_groups_add_up_to_all_problems_and_all_flips():
    problems, full, variant = world(lambda _, subject: 0.4 if subject == "a" else 0.0)
    lost = sum(not one.correct for one in variant)
    for grouping in (found := losses(problems, full, variant)).level, found.subject, found.length:
        assert sum(group.problems for group in grouping.groups) == len(problems)
        assert sum(group.regressions for group in grouping.groups) == lost
    by_name = {group.name: group for group in found.subject.groups}
    assert by_name["a"].p < 0.001
    assert (by_name["b"].regressions, by_name["b"].p) == (0, 1)
    assert by_name["a"].drop.value == pytest.approx(lost / by_name["a"].problems)
    assert found.subject.slope is None


def test_many_subjects_and_many_lengths_are_put_together():
    names = tuple(f"s{n}" for n in range(20))
    found = losses(*world(lambda *_: 0.1, levels=range(1, 30), subjects=names))
    assert len(found.subject.groups) == 13
    assert found.subject.groups[-1].name == OTHERS
    assert len(found.length.groups) <= 8
    edges = [part for group in found.length.groups for part in group.name.split(" to ")]
    assert [int(edge) for edge in edges] == sorted(int(edge) for edge in edges)


def test_what_is_not_known_of_the_problems_is_left_out():
    problem = Problem(question="q", answer="1")
    solution = Solution(problem_id=problem.id, model="m", text="t", correct=True)
    found = losses([problem], [solution], [solution])
    assert (found.level, found.subject, found.length) == (None, None, None)
