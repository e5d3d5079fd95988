"""Steps are found in any common format, nothing is lost, and the way back is exact."""

import pytest
from firstfault.annotate.steps import bare_step, is_well_formed, prefix_before, split_steps
from hypothesis import example, given
from hypothesis import strategies as st

STEP_FORMAT = "Step 1: 2 + 3 = 5\nStep 2: 5 * 2 = 10\nAnswer: 10"

# Pieces of what models write, so that random texts hit the marks.
PIECES = st.sampled_from(
    [
        "Step 1: ",
        "Step 2: ",
        "Answer: 4",
        "A: 4",
        "#### 4",
        "1. a",
        "2. b",
        "\n",
        "\n\n",
        "  ",
        "so x = 1",
        "**b**",
        "<think>",
        "</think>",
        "\\[",
        "\\]",
        "$$",
        "```",
        "\\begin{align}",
        "\\end{align}",
        "So:",
        "---",
        "\\boxed{4}",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join)


def test_step_marks_begin_steps_and_the_answer_line_is_the_last():
    assert split_steps(STEP_FORMAT) == (None, ("Step 1: 2 + 3 = 5", "Step 2: 5 * 2 = 10", "Answer: 10"))


def test_a_step_may_have_several_lines_and_a_decorated_mark():
    text = "**Step 1:** Add.\n2 + 3 = 5\n\n### Step 2\nDouble it.\n\n5 * 2 = 10\n\n**Answer:** 10"
    assert split_steps(text).steps == (
        "**Step 1:** Add.\n2 + 3 = 5",
        "### Step 2\nDouble it.\n\n5 * 2 = 10",
        "**Answer:** 10",
    )


def test_words_before_the_first_mark_belong_to_the_first_step_so_that_numbers_and_indices_agree():
    assert split_steps("Let us see.\nStep 1: a\nStep 2: b").steps == ("Let us see.\nStep 1: a", "Step 2: b")


def test_a_step_mentioned_inside_a_line_begins_nothing():
    assert split_steps("Step 1: a\nStep 2: from Step 1: b").steps == ("Step 1: a", "Step 2: from Step 1: b")


def test_single_lines_are_steps_where_there_are_no_blank_lines():
    # From GSM8K's example_model_solutions (MIT).
    text = "It takes 2*1/2=<<2*1/2=1.0>>1 bolt of white fiber\nSo it takes 2+1=<<2+1=3>>3 bolts\nA: 3"
    assert split_steps(text).steps == tuple(text.split("\n"))
    assert split_steps("9 eggs\n#### 18").steps == ("9 eggs", "#### 18")


def test_paragraphs_are_steps_where_there_are_blank_lines():
    text = "First, add.\n2 + 3 = 5\n\nThen double.\n5 * 2 = 10\n\nSo it is 10.\nAnswer: 10"
    assert split_steps(text).steps == (
        "First, add.\n2 + 3 = 5",
        "Then double.\n5 * 2 = 10",
        "So it is 10.",
        "Answer: 10",
    )


def test_items_of_a_numbered_list_are_steps():
    text = "We do this:\n1. Add 2 and 3.\n   It is 5.\n2. Double it.\n3. Done.\n\nThe answer is 10."
    assert split_steps(text).steps == (
        "We do this:\n1. Add 2 and 3.\n   It is 5.",
        "2. Double it.",
        "3. Done.",
        "The answer is 10.",
    )


def test_display_maths_and_code_are_never_split():
    text = "We have\n\\[\na = 1\n\nb = 2\n\\]\n\nSo\n$$\nc\n\nd\n$$\n\n```\nx\n\ny\n```"
    assert split_steps(text).steps == (
        "We have\n\\[\na = 1\n\nb = 2\n\\]",
        "So\n$$\nc\n\nd\n$$",
        "```\nx\n\ny\n```",
    )


def test_a_heading_or_colon_stays_with_what_it_announces():
    text = "Some words.\n\nWe compute:\n\n\\[\nx = 1\n\\]\n\n**Final Answer**\n\n\\boxed{1}"
    assert split_steps(text).steps == (
        "Some words.",
        "We compute:\n\n\\[\nx = 1\n\\]",
        "**Final Answer**\n\n\\boxed{1}",
    )


@pytest.mark.parametrize(
    ("text", "thinking", "steps"),
    [
        ("<think>\nhm\n</think>\nStep 1: a", "hm", ("Step 1: a",)),
        ("hm\n</think>\n\na\n\nb", "hm", ("a", "b")),
        ("<think>hm, Step 1: a", "hm, Step 1: a", ()),
        ("<think></think>a", None, ("a",)),
        ("a\n<think>hm</think>\nb", "hm", ("a", "b")),
        ("hm</think>no</think>a", "hm\n\nno", ("a",)),
        ("", None, ()),
    ],
)
def test_thinking_is_kept_but_never_a_step(text, thinking, steps):
    assert split_steps(text) == (thinking, steps)


@given(text=TEXTS)
def test_outside_of_thinking_nothing_is_lost_or_made_up(text):
    thinking, steps = split_steps(text)
    kept = "".join([thinking or "", *steps])
    tags = ("<think>", "</think>")
    without_tags = text
    for tag in tags:
        without_tags = without_tags.replace(tag, "")
    assert sorted("".join(kept.split())) == sorted("".join(without_tags.split()))
    if not any(tag in text for tag in tags):
        assert "".join("".join(steps).split()) == "".join(text.split())


@given(text=TEXTS)
def test_steps_are_never_empty_nor_surrounded_by_space(text):
    assert all(step and step == step.strip() for step in split_steps(text).steps)


@given(text=TEXTS)
@example("Step 1: a</think>Step 1: a\nStep 2: b")
def test_the_prefix_of_every_step_is_followed_by_it_and_prefixes_grow(text):
    steps = split_steps(text).steps
    prefixes = [prefix_before(text, steps, index) for index in range(len(steps))]
    for prefix, step in zip(prefixes, steps, strict=True):
        assert text.startswith(prefix + step)
    assert all(a + b == p[: len(a + b)] for a, b, p in zip(prefixes, steps, prefixes[1:], strict=False))
    assert prefix_before(text, steps, len(steps)) == text


def test_the_prefix_holds_separators_and_thinking():
    text = "<think>hm</think>\n\nStep 1: a\n\n Step 2: b"
    assert prefix_before(text, split_steps(text).steps, 1) == "<think>hm</think>\n\nStep 1: a\n\n "


def test_a_prefix_is_refused_for_steps_that_are_not_in_the_text():
    with pytest.raises(ValueError, match="step 1"):
        prefix_before("a\nb", ["a", "c"], 1)
    with pytest.raises(IndexError):
        prefix_before("a", ["a"], 2)


def test_the_step_format_is_recognized():
    assert is_well_formed(STEP_FORMAT)
    assert is_well_formed("<think>Step 9</think>\nStep 1: a\nstill a\nAnswer: 1\n")


@pytest.mark.parametrize(
    ("text", "follows"),
    [
        ("Step 1: a\nStep 2: so $\\boxed{4}$.", True),
        ("Step 1: a\n$\\boxed{\\frac{1}{2}}$\n", True),
        ("Step 1: a\nAnswer: 4", False),
        ("$\\boxed{4}$", False),
        ("Step 1: $\\boxed{4}$\nStep 2: b", False),
        ("Step 1: $\\boxed{4}$\nbye", False),
        ("Step 1: $\\boxed{3}$ or $\\boxed{4}$", False),
        ("Step 1: $\\boxed{4", False),
    ],
)
def test_a_boxed_answer_is_the_format_where_it_was_asked_for(text, follows):
    assert is_well_formed(text, "boxed") is follows
    assert not (follows and is_well_formed(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Answer: 10",
        "Step 1: a",
        "Step 1: a\nStep 3: b\nAnswer: 1",
        "Step 2: a\nAnswer: 1",
        "Step 1: a\nStep 1: b\nAnswer: 1",
        "Well.\nStep 1: a\nAnswer: 1",
        "Step 1: a\nAnswer: 1\nAnswer: 1",
        "Step 1: a\nAnswer: 1\nStep 2: b",
        "Step 1: a\nAnswer: 1\nbye",
        "Step 1: a\nAnswer:",
        "Step 1:\nAnswer: 1",
        "Step 1: a Answer: 1",
    ],
)
def test_anything_else_is_not_well_formed(text):
    assert not is_well_formed(text)


@pytest.mark.parametrize(
    "piece", ["\\[", "$$", "\\begin{a}\n\n", "<think>", "\n \n", "1. a\n", "**", "Step 1", "A:\n"]
)
def test_a_text_of_nothing_but_marks_is_split_in_passing(piece):
    # Quadratic patterns take minutes here.
    text = piece * 50_000
    assert len("".join(split_steps(text).steps)) <= len(text)
    assert not is_well_formed(text)


@pytest.mark.parametrize(
    ("step", "bare"),
    [
        ("Step 3: 2 + 2 = 4", "2 + 2 = 4"),
        ("**Step 3:** Add.", "Add."),
        ("**Step 3**: Add.", "Add."),
        ("**Step 3: Add the halves.** They give 4.", "**Add the halves.** They give 4."),
        ("### Step 3\n2 + 2 = 4", "2 + 2 = 4"),
        ("> step 12) Add.", "Add."),
        ("Step 3 - Add.", "Add."),
        ("Stepping on", "Stepping on"),
        ("Step 3 is wrong.", "Step 3 is wrong."),
        ("Step 3:", ""),
        ("", ""),
    ],
)
def test_a_step_loses_only_its_label(step, bare):
    assert bare_step(step) == bare


def test_a_label_of_another_number_stays():
    assert bare_step("Step 3: Add.", 3) == "Add."
    assert bare_step("Step 3: Add.", 4) == "Step 3: Add."
