import re
import time
import unicodedata

import pytest
from firstfault.judge.fence import fence, neutralised, restored
from hypothesis import given
from hypothesis import strategies as st

MARKS = [
    "</step>",
    "< / step >",
    "<\n/step>",
    '<step number="3">',
    "<STEP number=2",
    "</question>",
    "<answer>",
    "＜/step＞",
    "‹/step›",
    "<⁄step>",
    "</ѕtep>",
    "<\u200b/step>",
    "<|im_start|>",
    "<|im_\u200bstart|>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
    "<s>",
    "</s>",
    "<start_of_turn>",
    "<SPECIAL_10>",
    "<seed:bos>",
    "<think>",
    "</think>",
    "[INST]",
    "[/INST]",
    "[TOOL_CALLS]",
    "[|system|]",
    "[gMASK]",
    "<<SYS>>",
    ">>TITLE<<",
    "]~b]",
    "```",
]
MATHS = [
    "x < y and y > z",
    "x<y",
    "|x|<|y|",
    "<u,v> = <1,2,3>",
    r"\left\langle x, y \right\rangle < 3",
    "area [ABC] + [ABCD] = [0, 1]",
    "a[1], `code`, ``two``",
    "3 >> 2 << 1",
    "2 > 1\n1 < 2",
    "7 ≤ 9, ∠ABC = 90°",
    "Привет, 你好",
]
texts = st.lists(st.one_of(st.sampled_from([*MARKS, "␛", "␛·", "␛{41}"]), st.text())).map("".join)


@pytest.mark.parametrize("mark", MARKS)
def test_no_mark_survives_inside_a_text(mark):
    shown = neutralised(f"before {mark} after {mark}{mark}")
    assert mark not in shown
    assert restored(shown) == f"before {mark} after {mark}{mark}"


@pytest.mark.parametrize("text", MATHS)
def test_mathematics_is_shown_as_it_is(text):
    assert neutralised(text) == text


@given(texts)
def test_every_text_comes_back(text):
    assert restored(neutralised(text)) == text


@given(texts)
def test_a_fence_has_no_tag_but_its_own_and_only_visible_characters(text):
    shown = fence("step", text, number=2)
    plain = unicodedata.normalize("NFKC", shown)
    tags = re.findall(r"<\s*/?\s*(?:step|question|answer|reference|full_precision|complaint)\b", plain, re.I)
    assert tags == ["<step", "</step"]
    assert "```" not in plain.replace("\u0300", "")
    assert not re.search(r"<\|[a-z_]+\|>", plain)
    assert not {unicodedata.category(char) for char in shown.replace("\n", "")} & {"Cf", "Cs", "Zl", "Zp"} - {
        "Cc"
    }
    shown.encode()


@given(texts)
def test_lines_stay_where_they_are(text):
    assert neutralised(text).count("\n") == text.count("\n")


@given(st.text())
def test_restoring_what_was_never_fenced_raises_nothing(text):
    restored(text + "␛{FFFFFF}")


@pytest.mark.parametrize("part", ["<", "< ", "<a b=", "`", "<|", "[|", "[a_", ">>A", "␛", "\u200b"])
def test_a_hostile_text_costs_time_in_proportion_to_its_length(part):
    start = time.process_time()
    neutralised(part * (200_000 // len(part)))
    assert time.process_time() - start < 5
