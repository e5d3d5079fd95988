from pathlib import Path

import pytest
from firstfault.datasets.gold import aime, boxed, marked
from firstfault.datasets.store import read_rows
from hypothesis import given
from hypothesis import strategies as st

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real problems at {DATA}")

# Balanced maths: what a box may hold.
maths = st.recursive(
    st.text(alphabet="0123456789+x ", min_size=1, max_size=6),
    lambda inner: (
        st.builds("\\frac{{{}}}{{{}}}".format, inner, inner) | st.builds("\\{{{}\\}}".format, inner)
    ),
    max_leaves=6,
).filter(str.strip)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2+2 = <<2+2=4>>4\n#### 4", "4"),
        ("a\n#### 1,000 \n", "1,000"),
        ("#### 1\n#### 2", "2"),
        ("so 4 #### 4", None),
        ("####", None),
    ],
)
def test_gsm8k_answers_stand_behind_the_last_mark(text, answer):
    assert marked(text) == answer


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"So $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"$\boxed{1}$, no: $\boxed{2}$", "2"),
        (r"$\boxed{\left\{1, 2\right.}$", r"\left\{1, 2\right."),
        (r"the answer is $\boxed 5$.", "5"),
        (r"$\fbox{7}$", "7"),
        (r"$\boxed{1}$ and $\boxed{2", "1"),
        (r"no box", None),
        (r"\boxed{ }", None),
    ],
)
def test_math_answers_stand_in_the_last_closed_box(solution, answer):
    assert boxed(solution) == answer


@given(maths, st.text(alphabet="abc $.\n", max_size=20))
def test_what_is_put_into_a_box_comes_out(inside, after):
    assert boxed(f"so $\\boxed{{{inside}}}$ {after}") == inside.strip()


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (73, "73"),
        ("025", "25"),
        ("$204$", "204"),
        (25.0, "25"),
        (0, "0"),
        (1000, None),
        ("-3", None),
        ("1/2", None),
        (True, None),
        ("٣", None),
        ("9" * 10_000, None),
    ],
)
def test_aime_answers_are_integers_below_1000(value, answer):
    assert aime(value) == answer


@real
def test_the_box_of_every_math_500_solution_is_its_answer():
    rows = [row for _, row in read_rows(DATA / "math500" / "test.jsonl")]
    differ = [(row["answer"], found) for row in rows if (found := boxed(row["solution"])) != row["answer"]]
    assert len(rows) == 500
    assert differ == []


@real
def test_every_gsm8k_answer_is_found():
    rows = [row for _, row in read_rows(DATA / "gsm8k" / "train.jsonl")]
    assert all(marked(row["answer"]) for row in rows)
