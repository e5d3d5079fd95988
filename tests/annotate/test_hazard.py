"""Hazards agree with published life tables, with brute force, and with what was put into a simulation."""

from random import Random

import pytest
from firstfault.annotate.hazard import Course, compare_hazards, earliness, is_early, life_table
from hypothesis import given, settings
from hypothesis import strategies as st


@st.composite
def courses(draw):
    steps = draw(st.integers(1, 9))
    fault = draw(st.none() | st.integers(0, steps - 1))
    return Course(steps, fault, steps - draw(st.integers(0, min(1, steps - 1))), draw(st.booleans()))


def simulate(rng: Random, hazards: list[float], closing: int = 1) -> Course:
    """Walk through steps until one goes wrong; the closing one never does."""
    fault = next((step for step, hazard in enumerate(hazards) if rng.random() < hazard), None)
    return Course(len(hazards) + closing, fault, len(hazards), fault is None)


def test_the_life_table_is_the_one_of_kaplan_and_meier():
    # Freireich et al., Blood 21 (1963): remission under 6-mercaptopurine; + is censored.
    faults = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = life_table(
        [Course(40, week, 40, False) for week in faults]
        + [Course(week + 1, None, week + 1, True) for week in censored]
    )
    right = {one.step: round(one.right, 3) for one in found}
    assert {week: right[week] for week in (6, 7, 10, 13, 16, 22, 23)} == {
        6: 0.857,
        7: 0.807,
        10: 0.753,
        13: 0.690,
        16: 0.627,
        22: 0.538,
        23: 0.448,
    }
    assert [found[week].at_risk for week in (6, 7, 10, 13, 16, 22, 23)] == [21, 17, 15, 12, 11, 7, 6]


@given(st.lists(courses(), max_size=40))
def test_every_first_fault_is_in_the_life_table_once_and_risk_sets_shrink(found):
    table = life_table(found)
    assert sum(one.faults for one in table) == sum(course.first_fault is not None for course in found)
    at_risk = [one.at_risk for one in table]
    assert at_risk == sorted(at_risk, reverse=True)
    assert all(one.faults <= one.at_risk for one in table)


def test_short_solutions_alone_do_not_make_faults_early():
    rng = Random(1)
    found = [simulate(rng, [0.1] * rng.randint(2, 12)) for _ in range(4000)]
    faults = [course.first_fault for course in found if course.first_fault is not None]
    ratio = earliness(found).ratio
    # The histogram would have it that they are.
    assert sum(fault < 2 for fault in faults) > 1.3 * sum(2 <= fault < 4 for fault in faults)
    assert ratio is not None
    assert ratio.low < 1 < ratio.high


def test_faults_that_are_early_are_found_to_be():
    rng = Random(5)
    found = [simulate(rng, [0.15] * half + [0.05] * half) for half in (1, 2, 3) for _ in range(1500)]
    ratio = earliness(found).ratio
    assert ratio is not None
    assert ratio.low < 3 < ratio.high
    assert ratio.low > 1


def test_the_hazard_ratio_is_the_one_that_was_put_in_and_its_interval_covers_it():
    covered = 0
    for seed in range(10):
        rng = Random(seed)
        lengths = [rng.randint(3, 8) for _ in range(400)]
        variant = {f"{n}": simulate(rng, [0.08] * steps) for n, steps in enumerate(lengths)}
        reference = {f"{n}": simulate(rng, [0.04] * steps) for n, steps in enumerate(lengths)}
        ratio = compare_hazards(variant, reference).ratio
        assert ratio is not None
        assert ratio.high is not None
        covered += ratio.low <= 2 <= ratio.high
    assert covered >= 8


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(courses(), courses()), min_size=1, max_size=30))
def test_models_that_change_places_turn_the_ratio_over(pairs):
    one, other = ({f"{n}": pair[side] for n, pair in enumerate(pairs)} for side in (0, 1))
    there, back = compare_hazards(one, other), compare_hazards(other, one)
    assert there.p == pytest.approx(back.p, abs=0.03)
    if there.ratio is not None and back.ratio is not None and there.ratio.value > 0:
        assert there.ratio.value == pytest.approx(1 / back.ratio.value)


@settings(max_examples=15, deadline=None)
@given(st.lists(courses(), min_size=1, max_size=30))
def test_a_model_against_itself_has_the_same_hazards(found):
    same = {f"{n}": course for n, course in enumerate(found)}
    comparison = compare_hazards(same, same)
    assert comparison.p == 1
    assert comparison.ratio is None or comparison.ratio.value == pytest.approx(1)


def test_the_test_keeps_its_level_where_problems_are_what_makes_solutions_alike():
    rejected = 0
    for seed in range(30):
        rng = Random(seed)
        hard = [rng.choice((0.01, 0.3)) for _ in range(80)]
        models = [{f"{n}": simulate(rng, [hazard] * 4) for n, hazard in enumerate(hard)} for _ in range(2)]
        rejected += compare_hazards(*models).p < 0.05
    assert rejected <= 5


def test_without_faults_of_the_other_model_there_is_no_ratio_but_a_test():
    variant = {f"{n}": Course(4, 1 if n < 12 else None, 4, n >= 12) for n in range(40)}
    reference = {f"{n}": Course(4, None, 4, True) for n in range(40)}
    comparison = compare_hazards(variant, reference)
    assert comparison.ratio is None
    assert comparison.p < 0.01
    assert comparison.problems == 40
    assert compare_hazards({}, reference).problems == 0


def test_an_upper_limit_that_few_faults_do_not_set_is_left_open():
    variant = {f"{n}": Course(4, 1 if n < 12 else None, 4, n >= 12) for n in range(40)}
    reference = {f"{n}": Course(4, 1 if n == 30 else None, 4, n != 30) for n in range(40)}
    ratio = compare_hazards(variant, reference).ratio
    assert ratio is not None
    assert ratio.high is None


def test_middle_and_closing_steps_are_neither_early_nor_late():
    assert [is_early(Course(6, fault, 5, False)) for fault in (0, 1, 2, 3, 4, 5, None)] == [
        True,
        True,
        None,
        False,
        False,
        None,
        None,
    ]
    found = earliness([Course(6, 2, 5, False), Course(6, None, 5, True), Course(6, 5, 5, False)])
    assert (found.early_at_risk, found.late_at_risk) == (6, 4)
    assert (found.early_faults, found.late_faults, found.ratio) == (0, 0, None)
    assert earliness([]).ratio is None
