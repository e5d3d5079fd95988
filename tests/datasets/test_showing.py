from firstfault.datasets.showing import clip, harmless, is_hidden
from hypothesis import given
from hypothesis import strategies as st


def test_invisible_and_reordering_characters_are_made_visible():
    assert harmless("a\x00b\x1bc\u202ed\ud800e\r\nf\tg") == "a␀b␛c\ufffdd\ufffde\nf\tg"


def test_what_takes_no_room_is_hidden_and_what_people_write_is_not():
    assert all(is_hidden(char) for char in "\u200b\u2060\ufeff\u00ad\u3164\u2028\ue000\U000e0041")
    assert not any(is_hidden(char) for char in "aß求π½∑ é\u00a0\n\t✓😀")


@given(st.text())
def test_nothing_hidden_is_left(text):
    assert not any(is_hidden(char) for char in harmless(text))


def test_a_long_text_is_cut_and_says_so():
    assert clip("a" * 20, 20) == "a" * 20
    assert clip("a" * 1030, 30) == "a" * 30 + " … (1,000 more characters)"
