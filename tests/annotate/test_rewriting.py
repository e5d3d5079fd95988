"""Solutions brought into the step format: the same steps, the same answer."""

import pytest
from firstfault.annotate.answers import extract_answer
from firstfault.annotate.rewriting import in_step_format
from firstfault.annotate.steps import bare_step, is_well_formed, split_steps
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("written", "form", "wanted"),
    [
        (
            "Sure!\n\n**Step 1:** She has 3 * 4 = 12 eggs.\n\n**Step 2:** She sells 5.\n\n12 - 5 = 7.\n\n"
            "**Answer:** 7",
            "line",
            "Step 1: She has 3 * 4 = 12 eggs.\nStep 2: She sells 5.\n\n12 - 5 = 7.\nAnswer: 7",
        ),
        (
            "1. Half of 48 is 24.\n2. Together 48 + 24 = 72.\n\n\\boxed{72}",
            "line",
            "Step 1: Half of 48 is 24.\nStep 2: Together 48 + 24 = 72.\nAnswer: 72",
        ),
        (
            "Half of 48 is 24.\nTogether 48 + 24 = 72.\n#### 72",
            "boxed",
            "Step 1: Half of 48 is 24.\nStep 2: Together 48 + 24 = 72.\n\\boxed{72}",
        ),
        (
            "Step 1: 3 + 4 = 7.\nAnswer: 7",
            "boxed",
            "Step 1: 3 + 4 = 7.\n\\boxed{7}",
        ),
        (
            "First 3 + 4 = 7.\n\nThen \\( 7 - 8 = \\boxed{-1} \\).",
            "boxed",
            "Step 1: First 3 + 4 = 7.\nStep 2: Then \\( 7 - 8 = -1 \\).\n\\boxed{-1}",
        ),
        ("Step 1: 3 + 4 = 7.\nAnswer: 7\n", "line", "Step 1: 3 + 4 = 7.\nAnswer: 7"),
    ],
)
def test_steps_get_their_numbers_and_the_answer_its_form(written: str, form, wanted: str):
    assert in_step_format(written, form) == wanted


@pytest.mark.parametrize(
    "written",
    [
        "",
        "7",
        "Answer: 7",
        "Three and four make seven.",
        "<think>3 + 4 = 7</think>So it is 7.\n\nAnswer: 7 ",
    ],
)
def test_what_has_no_steps_no_answer_or_a_thinking_block_is_left(written: str):
    assert in_step_format(written) is None


words = st.text(st.sampled_from("ab 12+=.\n*#{}\\"), max_size=60)


@given(st.lists(words, max_size=4), st.integers(-99, 99), st.sampled_from(["line", "boxed"]))
def test_what_comes_out_is_in_the_format_and_says_the_same_answer(parts: list[str], number: int, form):
    written = "\n\n".join([*parts, f"Answer: {number}"])
    found = in_step_format(written, form)
    if found is None:
        return
    assert is_well_formed(found, form)
    assert extract_answer(found) == extract_answer(written)
    assert in_step_format(found, form) == found


@given(st.lists(st.from_regex(r"[a-z][a-z0-9 +=]{0,20}[a-z0-9]", fullmatch=True), min_size=2, max_size=5))
def test_no_step_is_lost_or_changed(steps: list[str]):
    written = "\n\n".join([*steps, "Answer: 7"])
    found = in_step_format(written)
    assert found is not None
    assert [bare_step(step) for step in split_steps(found).steps[:-1]] == steps
