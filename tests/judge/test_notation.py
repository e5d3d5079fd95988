import pytest
from firstfault.judge.arithmetic import NotArithmeticError, evaluate
from firstfault.judge.notation import plain, readable
from hypothesis import assume, given
from hypothesis import strategies as st

_NUMBERS = st.integers(1, 99).map(str)


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map(lambda two: rf"\frac{{{two[0]}}}{{{two[1]}}}"),
        st.tuples(inner, st.sampled_from([" + ", r" \cdot ", "-"]), inner).map(
            lambda three: f"({''.join(three)})"
        ),
        inner.map(lambda one: rf"\left({one}\right)"),
    )


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"9 + \frac{33}{3} = 12", "9 + (33/3) = 12"),
        (r"\frac{1024-1}{512}", "((1024-1)/512)"),
        (r"\left(4 + \dfrac{5}{8}\right)^{55}", "(4 + (5/8))^55"),
        (r"\binom{5}{2} = 10", "(5 choose 2) = 10"),
        ("2(3) = 6", "2(3) = 6"),
        (r"15 \text{ (light blue)} + 45", "15 (light blue) + 45"),
    ],
)
def test_plain_notation_is_shown_as_people_write_it(latex: str, shown: str):
    assert readable(plain(latex)) == shown


@given(st.recursive(_NUMBERS, _longer, max_leaves=8))
def test_what_is_shown_is_worth_the_same(latex: str):
    try:
        worth = evaluate(plain(latex)).number
    except NotArithmeticError:
        assume(False)
    else:
        assert evaluate(readable(plain(latex))).number == worth
