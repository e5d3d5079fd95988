from math import exp

import pytest
from firstfault.datasets.errors import InputError
from firstfault.restore.perplexity import WINDOW, Window, perplexity, perplexity_ratio, read_windows
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("trl", reason="needs the extra `local`")

import torch
from firstfault.quant.quantize import quantize
from firstfault.quant.recipes import Recipe
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = "The three old men count 17 + 25 = 42 apples, and go home. " * 60
WINDOWS = st.lists(st.tuples(st.floats(0, 5000), st.integers(1, 511)), min_size=1, max_size=30)


def test_windows_are_what_transformers_says_of_them(tiny_model):
    windows = read_windows(tiny_model, TEXT)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype="float32").eval()
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    length = min(WINDOW, model.config.max_position_embeddings)
    assert len(windows) == -(-len(ids) // length) > 1
    for place, window in enumerate(windows):
        row = torch.tensor([ids[place * length : (place + 1) * length]])
        with torch.no_grad():
            mean = float(model(input_ids=row, labels=row).loss)
        assert window.tokens == row.shape[1] - 1
        assert window.nats / window.tokens == pytest.approx(mean, rel=1e-4)


def test_a_coarser_model_reads_worse(tiny_model, tmp_path):
    made = quantize(tiny_model, Recipe(method="rtn", scheme="W2A16", group_size=64), [], tmp_path / "w2")
    before, after = read_windows(tiny_model, TEXT), read_windows(made.folder, TEXT)
    ratio = perplexity_ratio(before, after)
    assert ratio.value == pytest.approx(perplexity(after) / perplexity(before))
    assert ratio.value != 1


@given(WINDOWS)
def test_a_model_against_itself_has_a_ratio_of_one(rows):
    windows = [Window(*row) for row in rows]
    ratio = perplexity_ratio(windows, windows)
    assert (ratio.value, ratio.low, ratio.high) == (1, 1, 1)


@given(WINDOWS, st.floats(0.5, 2))
def test_a_model_that_is_worse_alike_everywhere_is_so_without_an_interval(rows, times):
    before = [Window(*row) for row in rows]
    after = [Window(one.nats + one.tokens * (times - 1), one.tokens) for one in before]
    ratio = perplexity_ratio(before, after)
    assert ratio.value == pytest.approx(exp(times - 1))
    assert ratio.low == pytest.approx(ratio.value)
    assert ratio.high == pytest.approx(ratio.value)


def test_too_short_a_text_and_other_windows_are_refused(tiny_model):
    with pytest.raises(InputError, match="fewer than two tokens"):
        read_windows(tiny_model, "")
    with pytest.raises(ValueError, match="same windows"):
        perplexity_ratio([Window(1, 2)], [Window(1, 3)])
