"""Learning from a full-precision teacher: its distributions and its hidden states."""

import shutil

import pytest
from firstfault.datasets.errors import ConfigError, ModelError
from firstfault.restore.config import RestoreConfig
from mended import own_pairs

pytest.importorskip("trl", reason="needs the extra `local`")

import torch
from firstfault.annotate.engines.loading import load_model
from firstfault.quant.quantize import quantize
from firstfault.quant.recipes import Recipe
from firstfault.restore.distillation import Teacher, apart, divergence
from firstfault.restore.preference import train
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

PLAIN = RestoreConfig(epochs=1, batch_size=4, rank=4, learning_rate=1e-2, preference_weight=0.0)
PAIRS = own_pairs(1)


def learning(target: str, **more) -> RestoreConfig:
    return RestoreConfig.model_validate({**PLAIN.model_dump(), "target": target, **more})


def numbers(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_divergence_is_that_of_the_definition_and_nothing_between_equals():
    wanted, said = numbers(2, 5, 7)
    p, q = wanted.softmax(-1), said.softmax(-1)
    expected = (p * (p / q).log()).sum(-1).mean()
    assert float(divergence(wanted, said)) == pytest.approx(float(expected), rel=1e-4)
    assert float(divergence(wanted, wanted)) == pytest.approx(0, abs=1e-6)


@given(share=st.floats(0, 2), scale=st.floats(0.01, 1000), seed=st.integers(0, 99))
def test_states_are_apart_by_their_share_whatever_their_size_and_the_padding(share, scale, seed):
    wanted = [scale * numbers(2, 3, 4, seed=seed + layer) for layer in range(2)]
    found = [one * (1 + share) for one in wanted]
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert float(apart(wanted, found, mask)) == pytest.approx(share**2, rel=1e-3, abs=1e-9)
    for one in found:
        one[1, 1:] = 1e6
    assert float(apart(wanted, found, mask)) == pytest.approx(share**2, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("target", ["distribution", "states"])
@pytest.mark.parametrize(("method", "rate"), [("adapter", 5e-4), ("scales", 1e-2)])
def test_the_model_comes_nearer_to_its_teacher(target, method, rate, tiny_model, tmp_path):
    quantize(tiny_model, Recipe(method="rtn", scheme="W3A16", group_size=32), [], tmp_path / "rtn")
    config = learning(target, method=method, epochs=20, learning_rate=rate)
    curve = train(tmp_path / "rtn", PAIRS, config, tmp_path / "out", teacher=tiny_model).curve
    assert curve[-1].loss < 0.8 * curve[0].loss


@pytest.mark.parametrize("target", ["distribution", "states"])
def test_of_a_model_from_itself_there_is_nothing_to_learn(target, tiny_model, tmp_path):
    [step] = train(tiny_model, PAIRS, learning(target), tmp_path / "own", teacher=tiny_model).curve
    assert step.loss == pytest.approx(0, abs=1e-5)


def test_the_states_count_by_their_weight(tiny_model, tmp_path):
    quantize(tiny_model, Recipe(method="rtn", scheme="W3A16", group_size=32), [], tmp_path / "rtn")
    losses = {}
    for weight in (0.0, 1.0, 3.0):
        config = learning("states", states_weight=weight)
        losses[weight] = train(tmp_path / "rtn", PAIRS, config, tmp_path / "out", teacher=tiny_model).curve[0]
    away = losses[1.0].loss - losses[0.0].loss
    assert away > 0
    assert losses[3.0].loss - losses[0.0].loss == pytest.approx(3 * away, rel=1e-3)


def test_a_teacher_is_needed_and_fits(tiny_model, tmp_path):
    with pytest.raises(ConfigError, match="full-precision model"):
        train(tiny_model, PAIRS, learning("states"), tmp_path / "out")
    other = AutoModelForCausalLM.from_pretrained(tiny_model)
    other.resize_token_embeddings(other.config.vocab_size + 8)
    shutil.copytree(tiny_model, tmp_path / "other")
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="its vocab_size is"):
        train(tiny_model, PAIRS, learning("distribution"), tmp_path / "out", teacher=tmp_path / "other")
    shutil.copytree(tiny_model, tmp_path / "namesake")
    namesake = AutoModelForCausalLM.from_pretrained(tiny_model)
    namesake.get_input_embeddings().weight.data.mul_(1.1)
    namesake.save_pretrained(tmp_path / "namesake")
    with pytest.raises(ModelError, match=r"its embeddings are \d+% apart from the quantized model's"):
        train(tiny_model, PAIRS, learning("states"), tmp_path / "out", teacher=tmp_path / "namesake")
    shallow = AutoConfig.from_pretrained(tiny_model)
    shallow.num_hidden_layers -= 1
    shallow.layer_types = shallow.layer_types[:-1]
    AutoModelForCausalLM.from_config(shallow).save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="its num_hidden_layers is"):
        train(tiny_model, PAIRS, learning("states"), tmp_path / "out", teacher=tmp_path / "other")
    for target in ("distribution", "states"):
        with pytest.raises(ValueError, match=f"target: {target} goes with rejected: token only"):
            learning(target, rejected="solution")


def batch_of(*lengths: int, first: int = 0) -> dict[str, torch.Tensor]:
    """Rows of these lengths; the same number means the same text."""
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = numbers(length, seed=first + row).mul(1000).long().abs() % 50 + 3
        mask[row, :length] = 1
    return {"number": torch.arange(first, first + len(lengths)), "input_ids": ids, "attention_mask": mask}


class Counted:
    """A model that counts how often it is asked."""

    def __init__(self, model, scaled: float = 1.0) -> None:
        self._model, self._scaled, self.asked = model, scaled, 0

    def get_output_embeddings(self):
        return self._model.get_output_embeddings()

    def __call__(self, **inputs):
        self.asked += 1
        said = self._model(**inputs)
        said.logits = said.logits * self._scaled
        return said


@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize(("most", "scaled"), [(1 << 20, 1.0), (0, 1.0), (1 << 20, 2.0)])
def test_a_teacher_says_the_same_from_memory_and_is_asked_once(states, most, scaled, tiny_model):
    model = Counted(load_model(tiny_model).model.float().eval(), scaled)
    teacher = Teacher(model, states=states, batches=[batch_of(5, 9), batch_of(12, first=2)], most=most)
    remembers = most > 0 and scaled == 1.0
    before = model.asked
    assert before == (2 if remembers else 1)
    # In another batch, with other padding.
    mixed = batch_of(5, 9, 12)
    told = teacher(mixed)
    assert model.asked == before + (0 if remembers else 1)
    with torch.no_grad():
        asked = model(
            input_ids=mixed["input_ids"], attention_mask=mixed["attention_mask"], output_hidden_states=True
        )
    there = mixed["attention_mask"].bool()
    assert torch.allclose(told.logits[there], asked.logits[there], atol=1e-4)
    expected = asked.hidden_states[1:] if states else asked.hidden_states[-1:]
    assert len(told.states) == len(expected)
    for one, other in zip(told.states, expected, strict=True):
        assert torch.allclose(one[there], other[there], atol=1e-4)
