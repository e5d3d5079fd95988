from random import Random

import torch
from firstfault.models.induction import begin_with_induction
from transformers import Qwen2Config, Qwen2ForCausalLM


def attention_to_the_next(model: Qwen2ForCausalLM, layer: int) -> float:
    """Mean attention, in the second half of a repeated text, to what came after it in the first."""
    words = Random(0).sample(range(500), 60)
    with torch.no_grad():
        seen = model(input_ids=torch.tensor([words + words]), output_attentions=True).attentions[layer][0, 0]
    return sum(float(seen[60 + place, place + 1]) for place in range(59)) / 59


def small_model() -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=512,
        hidden_size=256,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation="eager",
    )
    return Qwen2ForCausalLM(config).eval()


def test_a_model_begins_with_heads_that_find_what_came_next():
    model = small_model()
    assert attention_to_the_next(model, 1) < 0.05
    begin_with_induction(model, seed=0)
    pulls = [attention_to_the_next(model, layer) for layer in (1, 2, 3)]
    assert pulls[0] > 0.5
    assert min(pulls) > 0.1


def test_the_start_is_seeded():
    model = small_model()
    starts: list[torch.Tensor] = []
    for seed in (0, 0, 1):
        begin_with_induction(model, seed)
        starts.append(model.model.embed_tokens.weight.detach().clone())
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
