r"""What is written for Argilla, without Argilla; what it then shows is tried in test_shown.py."""

import pytest
from firstfault.annotate.argilla.markdown import from_markdown, to_markdown
from firstfault.annotate.argilla.numbered import MOST_CHARACTERS, MOST_STEPS, steps_to_markdown
from hostile_texts import HOSTILE_TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

PIECES = [
    *(
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\",
        "\\$",
        "{",
        "}",
        "%",
        "x^2",
        "\\frac{1}{2}",
        "`",
        "```",
        "\n```\n",
    ),
    *(
        "*",
        "**",
        "_",
        "~",
        "#",
        "]",
        "](",
        "]:",
        "[",
        "|",
        "---",
        "==",
        "1.",
        "-",
        "+",
        "=",
        "!",
        "**Ab:**",
        "1)",
    ),
    *(
        "<",
        ">",
        "<!--",
        "</b>",
        "&",
        "&amp;",
        "{{",
        "⟨",
        "⟨U+202E⟩",
        "␀",
        "http://",
        "www.",
        "@",
        "(",
        ")",
        ";",
        "?",
    ),
    *("a", "b1", "5", ",", "求", "😀", " ", "    ", "\t", "\n", "\n\n", "\r", "\r\n", "\u200a\n"),
    *("\ud800", "\u202e", "\u200a", "\u2009", "\ufeff", "\x00"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text()


@settings(max_examples=600)
@given(texts)
def test_every_text_comes_back_as_it_was(text: str):
    assert from_markdown(to_markdown(text)) == text


@pytest.mark.parametrize("text", [each.text for each in HOSTILE_TEXTS], ids=lambda text: repr(text[:40]))
def test_hostile_texts_come_back_as_they_were(text: str):
    assert from_markdown(to_markdown(text)) == text


@given(texts)
def test_what_is_written_holds_nothing_that_can_not_be_sent(text: str):
    written = to_markdown(text)
    written.encode()
    assert not any(char < " " and char not in "\n\t" for char in written)


@pytest.mark.parametrize(
    "text",
    [
        "Let $x = 2$ and $y$.",
        "$$\nx = 1\n$$",
        "So **the answer:** is 5 * 3 = 15.",
        "`f(x)` is 3.",
        "```python\nprint(1 < 2)\n```",
        "\\frac{1}{2} + a_1",
        "3 < 5 & 5 > 3 (see [1]), 50% of it!",
    ],
)
def test_what_argilla_shows_truly_is_left_alone(text: str):
    assert to_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("$5 and $6", "\\$5 and \\$6"),
        ("He has $5. She has $3, so $8 = $5 + $3.", "He has \\$5. She has \\$3, so \\$8 = \\$5 + \\$3."),
        ("$20 per day for 5$", "\\$20 per day for 5\\$"),
        ("\\$5", "\\\\\\$5"),
    ],
)
def test_amounts_of_money_are_no_maths(text: str, written: str):
    assert to_markdown(text) == written


def without_marks(written: str) -> str:
    return written.replace("\u200a", "").replace("\u2009", "").replace("\ufeff", "")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\\(x\\), \\[y\\]", "$x$, $$y$$"),
        ("a \\[\nx \\\\\ny\n\\] b", "a \n\n$$\nx \\\\\ny\n$$\n\n b"),
        ("(\\(x\\))", "\\($x$)"),
        ("$2+\\text{one and two}$", "$2+\\text{one and two}$"),
        ("$x + \\phantom{-}1$", "$x + \\phantom{-}1$"),
    ],
)
def test_maths_gets_the_delimiters_that_argilla_knows(text: str, written: str):
    assert without_marks(to_markdown(text)) == written


@pytest.mark.parametrize(
    "content",
    [
        "\\href{http://a.b}{x}", "\\url{a}", "\\includegraphics{a}", "\\htmlData{a=b}{x}", "\\color{white}x",
        "\\phantom{7}x", "\\rule{99em}{99em}", "\\def\\a{b}", "x % y", "\\char\"202E", "\\\\[500em]",
        "{" * 30 + "x" + "}" * 30, "x" * 3000, "a\nb", " ", "\u202ex",
    ],
)  # fmt: skip
def test_maths_that_hides_moves_or_links_is_shown_as_its_source(content: str):
    assert "\\$" in to_markdown(f"${content}$")


def test_a_reviewer_who_types_anew_gets_what_was_shown_and_maths_as_typed():
    typed = "2\\*3 &lt; 7, \\(x\\), $y$ and \\frac{1}{2}; `a \\* b`\n$$\nz\n$$"
    assert from_markdown(typed) == "2*3 < 7, \\(x\\), $y$ and \\frac{1}{2}; `a \\* b`\n$$\nz\n$$"


@pytest.mark.parametrize(
    "piece", ["$", "\\(", "`", "```a\n", "`a", "\\", "**a ", "<b>", "[a](", "\u202e", "{$"]
)
def test_a_text_of_nothing_but_marks_is_written_in_passing(piece: str):
    # Quadratic patterns take minutes here.
    text = piece * 50_000
    assert from_markdown(to_markdown(text)) == text


def test_steps_are_numbered_apart_and_lose_their_own_label():
    steps = ["Step 1: 2 * 3 = 6", "**Step 2:** So 6.", "Step 7: What?", "```\nx\n```"]
    assert without_marks(steps_to_markdown(steps)).split("\n\n") == [
        *(
            "**Step 1:** 2 * 3 = 6",
            "**Step 2:** So 6.",
            "**Step 3:** Step 7: What?",
            "**Step 4:**",
            "```\nx\n```",
        )
    ]


def test_a_step_can_not_look_like_two():
    written = steps_to_markdown(["a\n\n**Step 2:** b", "c"])
    assert written == "**Step 1:** a\n\n\\*\\*Step 2:\\*\\* b\n\n**Step 2:** c"


def test_what_is_noted_of_a_step_stands_in_its_label_and_no_text_can_look_like_it():
    written = steps_to_markdown(["Step 1: a", "**Step 1 (they part here):** b"], notes={0: "they part here"})
    assert written == "**Step 1 (they part here):** a\n\n**Step 2:** \\*\\*Step 1 (they part here):\\*\\* b"


def test_of_hundreds_of_steps_some_are_left_out_and_that_is_said():
    written = steps_to_markdown([f"Step {n}: {n}" for n in range(1, 501)], around=299)
    shown = [block for block in written.split("\n\n") if block.startswith("**Step")]
    assert shown[56:] == [f"**Step {n}:** {n}" for n in (57, 298, 299, 300, 301, 302, 498, 499, 500)]
    assert "**… 240 steps left out …**" in written
    assert len(steps_to_markdown(["a"] * MOST_STEPS).split("\n\n")) == MOST_STEPS
    assert "more characters" in steps_to_markdown(["a" * (MOST_CHARACTERS + 1)])
