from firstfault.annotate.engines.ledger_text import escaped, unescaped
from hypothesis import given
from hypothesis import strategies as st


@given(st.text(st.sampled_from("\0\x1a01a")) | st.text())
def test_what_was_escaped_comes_back_and_holds_no_nul(text: str):
    assert "\0" not in escaped(text)
    assert unescaped(escaped(text)) == text
