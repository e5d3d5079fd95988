"""Divergences agree with one prediction after the other, by hand."""

import pytest
from firstfault.datasets.records import Solution

pytest.importorskip("transformers", reason="needs the extra `local`")

from firstfault.restore.divergence import Divergence, divergences

PROMPT = "<|im_start|>user\nWhat is 2 + 1?<|im_end|>\n<|im_start|>assistant\n"
STEPS = ("Step 1: 2 + 1 = 3.", "Answer: 3")


def solution(*steps: str) -> Solution:
    return Solution(problem_id="p", model="v", text="\n".join(steps), steps=steps)


@pytest.fixture(scope="module")
def other(tiny_model, tmp_path_factory):
    """The model with other weights in its last layer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    folder = tmp_path_factory.mktemp("models") / "other"
    set_seed(3)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype="float32")
    with torch.no_grad():
        for weight in model.model.layers[-1].parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


def test_every_token_is_as_it_is_by_hand(tiny_model, other):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    one = solution(*STEPS)
    [found] = divergences(tiny_model, other, [(PROMPT, one)])
    assert found is not None
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    full, variant = (
        AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval() for folder in (tiny_model, other)
    )
    before = tokenizer(PROMPT, add_special_tokens=False)["input_ids"]
    written = tokenizer(one.text, add_special_tokens=False)["input_ids"]
    assert len(found.kl) == len(found.steps) == len(written)
    parting = None
    for place, token in enumerate(written):
        with torch.inference_mode():
            p, q = (
                torch.log_softmax(model(input_ids=torch.tensor([before])).logits[0, -1], -1)
                for model in (full, variant)
            )
        kl = torch.nn.functional.kl_div(q, p, reduction="sum", log_target=True)
        assert found.kl[place] == pytest.approx(float(kl), abs=1e-4)
        entropy = torch.distributions.Categorical(logits=p).entropy()
        assert found.entropy[place] == pytest.approx(float(entropy), abs=1e-4)
        assert found.margin[place] == pytest.approx(float(p[token] - q[token]), abs=1e-4)
        if parting is None and p.argmax() != q.argmax():
            parting, preferred = place, tokenizer.decode([int(p.argmax())])
        before = [*before, token]
    assert parting is not None
    assert (found.parting, found.preferred) == (parting, preferred)
    # The byte-level tokenizer has a token per character.
    assert found.ends == tuple(range(1, len(one.text) + 1))
    # Those of the answer line are its step.
    answer = len(tokenizer(STEPS[1], add_special_tokens=False)["input_ids"])
    assert found.steps == (0,) * (len(written) - answer) + (1,) * answer


def test_a_model_does_not_diverge_from_itself(tiny_model):
    [found] = divergences(tiny_model, tiny_model, [(PROMPT, solution(*STEPS))])
    assert found is not None
    assert set(found.kl) == {0.0}
    assert set(found.margin) == {0.0}
    assert (found.parting, found.parting_step, found.preferred) == (None, None, None)
    assert min(found.entropy) > 0


def test_what_can_not_be_looked_at_is_none_and_the_others_go_on(tiny_model):
    whole = solution(*STEPS)
    long = solution("Step 1: " + "1" * 100_000)
    found = list(divergences(tiny_model, tiny_model, [(PROMPT, solution()), (PROMPT, long), (PROMPT, whole)]))
    assert [one is None for one in found] == [True, True, False]
    assert list(divergences(tiny_model, tiny_model, [])) == []


def test_the_steps_of_a_divergence_are_those_of_its_tokens():
    one = Divergence(
        solution_id="s",
        steps=(0, 0, 1),
        ends=(2, 3, 5),
        kl=(0.1, 0.3, 0.2),
        entropy=(1, 1, 1),
        margin=(0, 0, 0),
        parting=2,
        preferred="7",
    )
    assert (one.parting_step, one.most_divergent_step) == (1, 0)
