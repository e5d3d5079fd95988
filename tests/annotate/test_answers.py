"""The final answer is what a solution states last, in any of the usual ways."""

import pytest
from firstfault.annotate.answers import extract_answer
from hypothesis import given
from hypothesis import strategies as st

PLAIN = st.from_regex(r"[A-Za-z0-9+\-/=(),]{1,20}", fullmatch=True).filter(
    lambda text: text.strip(",") == text
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Step 1: a\nAnswer: 42", "42"),
        ("a\nA: 42", "42"),
        ("a\n#### 1,042", "1,042"),
        ("**Answer:** 42 eggs.", "42 eggs"),
        ("### Final Answer: $42$", "42"),
        ("Final answer:\n\\[\n\\boxed{1.5}\n\\]", "1.5"),
        ("Answer:\n\n42", "42"),
        ("So $x = \\boxed{\\frac{1}{\\sqrt{2}}}$.", "\\frac{1}{\\sqrt{2}}"),
        ("\\boxed{1}, then \\boxed{2}", "2"),
        ("The roots are \\(\\boxed{3}\\), \\(\\boxed{5}\\), and \\(\\boxed{7}\\).", "3, 5, 7"),
        ("\\boxed{x = \\boxed{5}}", "5"),
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
        ("Answer: \\boxed{7}", "7"),
        ("\\boxed{6}\nAnswer: 7", "7"),
        ("Answer: 6\nNo. Answer: 6\nAnswer: 7", "7"),
        ("Thus the final answer is 3.5. Done", "3.5"),
        ("So the answer to this is: **Evelyn**.", "Evelyn"),
        ("Answer: 3.14", "3.14"),
    ],
)
def test_stated_answers_are_found(text, answer):
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text", ["", "Step 1: 2 + 3 = 5", "A: ", "\\boxed{", "\\boxed{ }", "Answering is hard"]
)
def test_where_nothing_is_stated_there_is_no_answer(text):
    assert extract_answer(text) is None


def test_an_answer_reached_in_thinking_alone_is_not_given():
    assert extract_answer("<think>\\boxed{5}") is None
    assert extract_answer("so \\boxed{5}</think>\nIt is hard.") is None
    assert extract_answer("so \\boxed{5}</think>\nAnswer: 6") == "6"


def test_a_sentence_about_the_answer_counts_at_the_end_only():
    assert extract_answer("I guess the answer is 5.\n" + "Let me think again. " * 40) is None


def test_the_last_number_counts_only_when_asked_for():
    assert extract_answer("He has 3 bags and $1,200.50 left", last_number=True) == "$1,200.50"
    assert extract_answer("He has 3 bags and 12 left") is None
    assert extract_answer("no number", last_number=True) is None


@given(answer=PLAIN, before=st.text(max_size=50).filter(lambda text: "think" not in text.lower()))
def test_a_box_at_the_end_is_always_the_answer(answer, before):
    assert extract_answer(f"{before}\n\nSo \\boxed{{{answer}}}") == answer


@given(text=st.text(alphabet="\\boxed{}answeri: #A4$*.\n"))
def test_extraction_never_fails_and_never_returns_blank(text):
    answer = extract_answer(text, last_number=True)
    assert answer is None or answer.strip() == answer != ""


@pytest.mark.parametrize(
    "piece", ["\\boxed{", "{", "answer is ", "A:\n", "**", "\\boxed{1},", "1,", "\t", "$"]
)
def test_a_text_of_nothing_but_marks_is_read_in_passing(piece):
    # Quadratic patterns take minutes here.
    extract_answer(piece * 50_000, last_number=True)
    extract_answer("Answer: " + piece * 50_000, last_number=True)
