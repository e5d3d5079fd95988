import re

import pytest
from firstfault.annotate.engines.loops import COPIES, LEAST, ends_in_loop, looks_looped, repeats
from hypothesis import given
from hypothesis import strategies as st

STEPS = "Step 1: 3 + 4 = 7\nStep 2: 7 * 2 = 14\nStep 3: 14 - 5 = 9\nAnswer: 9"


def test_a_solution_is_no_loop():
    assert not ends_in_loop(STEPS)


def test_a_step_that_is_said_three_times_is_no_loop():
    assert not ends_in_loop("Step 1: add the 25 apples of today\n" * 3)


def test_a_repeated_step_is_a_loop():
    assert ends_in_loop(STEPS + "\n" + "Step 4: 9 + 1 = 10\n" * 4)


def test_a_loop_that_counts_its_steps_is_a_loop():
    assert ends_in_loop("".join(f"Step {n}: 7 - 3 = 4 apples\n" for n in range(1, 8)))


def test_a_chain_of_like_steps_with_new_numbers_is_no_loop():
    assert not ends_in_loop("".join(f"Step {n}: {n * 5} + 5 = {n * 5 + 5}\n" for n in range(1, 12)))


def test_zeros_of_a_large_number_are_no_loop():
    assert not ends_in_loop("Answer: 1" + "0" * 30)


@given(unit=st.text(min_size=13, max_size=60), before=st.text(max_size=50))
def test_any_stretch_said_over_and_over_is_a_loop(unit, before):
    assert ends_in_loop(before + unit * 8)


def test_the_filter_flags_every_row_that_loops_and_no_random_one():
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 50, (3, 120), generator=generator)
    rows[1] = torch.arange(20).repeat(6)
    counted = torch.arange(20).repeat(6)
    counted[::20] = torch.arange(100, 106)
    rows[2] = counted
    assert looks_looped(rows).tolist() == [False, True, True]


UNITS = st.text(alphabet="ab 1.:\nStep", min_size=1, max_size=20)


@given(parts=st.lists(st.tuples(UNITS, st.integers(1, 12)), max_size=4))
def test_a_text_none_of_whose_starts_can_loop_is_told_by_the_cheap_filter(parts):
    text = "".join(unit * times for unit, times in parts)
    looped = [length for length in range(len(text) + 1) if ends_in_loop(text[:length])]
    assert repeats(text) or not looped


def test_the_cheap_filter_lets_most_solutions_pass():
    assert not repeats(STEPS)
    assert repeats(STEPS * 3)


@given(parts=st.lists(st.tuples(UNITS, st.integers(1, 12)), max_size=4))
def test_looking_for_the_last_stretch_first_changes_no_answer(parts):
    text = "".join(unit * times for unit, times in parts)
    tail = re.sub(r"(?im)^([ \t]*(?:step[ \t]*)?)\d+(?=[ \t]*[:.)])", r"\1#", text)
    spans = [(period, max(LEAST, COPIES * period)) for period in range(1, len(tail) // COPIES + 1)]
    loops = [tail[-span:-period] == tail[period - span :] for period, span in spans if span <= len(tail)]
    assert ends_in_loop(text) == any(loops)
