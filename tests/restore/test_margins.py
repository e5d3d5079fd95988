from math import log

import pytest
from firstfault.datasets.errors import ModelError
from firstfault.datasets.records import Finish, Pair

pytest.importorskip("transformers", reason="needs the extra `local`")

from firstfault.restore.margins import margins, with_margins


def pair(n: int, **changes) -> Pair:
    fields = {
        "prompt": f"<|im_start|>user\nWhat is {n} + 1?<|im_end|>\n<|im_start|>assistant\n",
        "chosen": f"Answer: {n + 1}",
        "rejected": f"Answer: {n} or so",
        "problem_id": f"p{n}",
        "solution_id": f"s{n}",
        "model": "rtn",
        "step": 0,
        "steps": 1,
    }
    return Pair(**fields | changes)


PAIRS = [pair(n, chosen="Answer: " + "1" * (1 + 3 * n)) for n in range(5)]


def by_hand(folder, one: Pair) -> float:
    """One token after the other, each predicted from all before it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()

    def total(text: str, ends: bool) -> float:
        before = tokenizer(one.prompt, add_special_tokens=False)["input_ids"]
        after = tokenizer(text, add_special_tokens=False)["input_ids"]
        found = 0.0
        for token in [*after, *([tokenizer.eos_token_id] if ends else [])]:
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([before])).logits[0, -1]
            found += float(torch.log_softmax(logits, -1)[token])
            before = [*before, token]
        return found

    return total(one.chosen, True) - total(one.rejected, one.finish is Finish.STOP)


def test_margins_are_log_probability_ratios(tiny_model):
    for one, found in zip(PAIRS, margins(tiny_model, PAIRS), strict=True):
        assert found == pytest.approx(by_hand(tiny_model, one), abs=2e-3)


def test_what_never_ended_is_not_asked_for_its_end(tiny_model):
    cut = pair(1, finish=Finish.LENGTH)
    ended, unended = margins(tiny_model, [pair(1), cut])
    assert unended == pytest.approx(by_hand(tiny_model, cut), abs=2e-3)
    # A random model gives every token about the same probability, the end one too.
    assert ended - unended == pytest.approx(log(259), abs=1.5)


def test_a_pair_without_a_difference_has_no_margin_and_sides_swap_signs(tiny_model):
    same = pair(1, rejected="Answer: 2")
    one, turned = pair(2), pair(2, chosen=pair(2).rejected, rejected=pair(2).chosen)
    found = margins(tiny_model, [same, one, turned])
    assert found[0] == 0
    assert found[1] == pytest.approx(-found[2], abs=2e-3)


def test_neither_order_nor_company_matters(tiny_model):
    together = dict(zip([p.id for p in PAIRS], margins(tiny_model, PAIRS), strict=True))
    for one in reversed(PAIRS):
        assert margins(tiny_model, [one])[0] == pytest.approx(together[one.id], abs=1e-3)


def test_a_pair_longer_than_the_context_has_none_and_spoils_no_other(tiny_model):
    told: list[int] = []
    long = pair(1, rejected="a" * 600)
    found = margins(tiny_model, [PAIRS[0], long], told.append)
    assert found[1] is None
    assert found[0] == pytest.approx(margins(tiny_model, PAIRS[:1])[0], abs=1e-3)
    assert sum(told) == 1


def test_both_margins_are_stored_with_the_pair(tiny_model):
    told: list[int] = []
    stored = with_margins(PAIRS, tiny_model, tiny_model, told.append)
    assert [one.id for one in stored] == [one.id for one in PAIRS]
    assert all(one.margin_full_precision == one.margin_variant for one in stored)
    assert sum(told) == 2 * len(PAIRS)
    assert with_margins([], tiny_model, tiny_model) == []


def test_a_folder_without_a_model_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        margins(tmp_path / "none", PAIRS)
