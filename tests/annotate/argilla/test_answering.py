"""What is noted beside full precision's steps is where solutions part and which step answers which."""

from firstfault.annotate.argilla.answering import notes
from hypothesis import given
from hypothesis import strategies as st

RIGHT = ["Step 1: 2 boxes of 3 are 2 * 3 = 6.", "Step 2: With 4 more 6 + 4 = 10.", "Answer: 10"]
FALSE = "Step 2: With 4 more 6 + 4 = 11."
OTHER = "Tom's sister has 99 kites."


def test_solutions_that_say_the_same_have_no_notes():
    assert notes(RIGHT, RIGHT) == ({}, None)


def test_the_first_step_that_differs_is_marked():
    assert notes(RIGHT, [RIGHT[0], FALSE, "Answer: 11"]) == ({1: "they part here"}, 1)


def test_a_step_that_is_answered_elsewhere_names_it_and_where_the_other_began_to_differ():
    assert notes(RIGHT, [RIGHT[0], OTHER, *RIGHT[1:]]) == (
        {1: "they part before it, at quantized step 2; quantized: step 3", 2: "quantized: step 4"},
        1,
    )


def test_a_step_that_nothing_answers_moves_the_others():
    assert notes([RIGHT[0], OTHER, *RIGHT[1:]], RIGHT) == (
        {1: "they part here", 2: "quantized: step 2", 3: "quantized: step 3"},
        1,
    )


def test_a_quantized_solution_that_goes_on_parts_behind_the_last_step():
    assert notes(RIGHT, [*RIGHT, OTHER]) == ({2: "they part after it, at quantized step 4"}, 2)


STEPS = st.lists(st.sampled_from([*RIGHT, FALSE, OTHER, "", "**x** <b>"]), min_size=1, max_size=8)


@given(STEPS, STEPS)
def test_notes_stand_at_steps_that_are_there_and_hold_nothing_of_their_texts(right, quantized):
    by_step, parting = notes(right, quantized)
    assert set(by_step) <= set(range(len(right)))
    assert (parting is None) == (not any("part" in note for note in by_step.values()))
    assert parting is None or "they part" in by_step[parting]
    assert sum("part" in note for note in by_step.values()) <= 1
    assert not any(mark in note for note in by_step.values() for mark in "*<")
