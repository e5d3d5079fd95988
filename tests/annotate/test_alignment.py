from functools import cache

import pytest
from firstfault.annotate.alignment import (
    LEAST,
    MOST_STEPS,
    Aligned,
    align,
    content,
    likeness,
    parting,
    parting_step,
)
from hypothesis import given, settings
from hypothesis import strategies as st

STEP = st.builds(
    "{} had {} * {} = {} {}.".format,
    st.sampled_from(["Kate", "Mia", "The box"]),
    *[st.integers(2, 5)] * 2,
    st.integers(4, 25),
    st.sampled_from(["jars", "cards"]),
) | st.sampled_from(["So it is.", "Answer: 12", "", "$x^2$", "Wait."])
STEPS = st.lists(STEP, max_size=6)


def best_total(first, second):
    """Largest total likeness over all alignments, by trying all."""

    @cache
    def best(i, j):
        if i == len(first) or j == len(second):
            return 0.0
        gain = likeness(content(first[i]), content(second[j])) - LEAST
        return max(best(i + 1, j), best(i, j + 1), gain + best(i + 1, j + 1))

    return best(0, 0)


@given(STEPS, STEPS)
def test_every_step_is_in_exactly_one_row_and_in_order(first, second):
    rows = align(first, second)
    assert [row.first for row in rows if row.first is not None] == list(range(len(first)))
    assert [row.second for row in rows if row.second is not None] == list(range(len(second)))
    assert all(row.first is not None or row.second is not None for row in rows)


@settings(max_examples=60)
@given(STEPS, STEPS)
def test_no_alignment_is_better(first, second):
    total = sum(row.likeness - LEAST for row in align(first, second) if None not in (row.first, row.second))
    assert total == pytest.approx(best_total(first, second))


@given(STEPS, STEPS)
def test_solutions_that_change_places_are_aligned_as_well(first, second):
    def total(rows):
        return sum(row.likeness - LEAST for row in rows if None not in (row.first, row.second))

    assert total(align(first, second)) == pytest.approx(total(align(second, first)))


@given(STEPS)
def test_a_solution_goes_with_itself_step_by_step_and_never_parts(steps):
    rows = align(steps, steps)
    assert [(row.first, row.second) for row in rows] == [(n, n) for n in range(len(steps))]
    assert parting(rows) is None
    assert parting_step(rows) is None


@given(STEPS, st.integers(0, 5))
def test_a_step_that_only_one_has_stands_alone(steps, place):
    place = min(place, len(steps))
    more = [*steps[:place], "Zebras: 7001 7002 7003", *steps[place:]]
    rows = align(steps, more)
    assert Aligned(None, place, 0.0, False) in rows
    assert parting(rows) == place
    assert parting_step(rows) == place


@given(STEPS, STEPS)
def test_before_the_parting_both_say_the_same(first, second):
    rows = align(first, second)
    start = parting(rows)
    for row in rows[:start]:
        assert row.first is not None
        assert row.second is not None
        assert content(first[row.first]).numbers == content(second[row.second]).numbers


def test_labels_and_the_order_of_factors_are_no_parting_but_another_number_is():
    full = ["Step 1: Kate had 9 * 25 = 225 cards.", "Step 2: She gave 1/4 of 225 = 56 away.", "Answer: 169"]
    variant = [
        "**Step 1**: Kate had 25 * 9 = 225 cards",
        "Step 2: She gave 1/4 of 225 = 55 away.",
        "Answer: 170",
    ]
    rows = align(full, variant)
    assert [(row.first, row.second, row.same) for row in rows] == [(0, 0, True), (1, 1, False), (2, 2, False)]
    assert parting_step(rows) == 1


def test_a_step_that_the_variant_leaves_out_parts_at_what_it_goes_on_with():
    full = ["Kate had 9 * 25 = 225.", "Mia lost 225 - 5 = 220.", "The boxes weigh 7 * 8 = 56."]
    rows = align(full, [full[0], full[2]])
    assert [(row.first, row.second) for row in rows] == [(0, 0), (1, None), (2, 1)]
    assert parting_step(rows) == 1
    assert parting_step(align(full, full[:1])) is None


def test_what_lies_behind_the_longest_stays_alone():
    rows = align([f"Take {n}." for n in range(MOST_STEPS + 5)], ["Take 3."])
    assert len(rows) == MOST_STEPS + 5
    assert [row.first for row in rows if row.second == 0] == [3]


def test_likeness_is_from_0_to_1():
    assert likeness(content("Kate had 5 * 4 = 20"), content("Kate had 5 * 4 = 20")) == 1
    assert likeness(content("Kate had 5"), content("zebras 17")) == 0
    assert likeness(content(""), content("")) == 1
