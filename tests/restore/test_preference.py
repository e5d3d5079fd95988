import json
from pathlib import Path

import pytest
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.records import Pair, Subtype
from firstfault.quant.checkpoint import weights_sha256
from firstfault.quant.formats.loading import load_unpacked
from firstfault.quant.recipes import Recipe
from firstfault.restore.config import RestoreConfig

pytest.importorskip("trl", reason="needs the extra `local`")

from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.quant.quantize import quantize
from firstfault.restore.preference import train

CONFIG = RestoreConfig(epochs=2, batch_size=2, rank=4, learning_rate=1e-2)


def pair(n, **changes):
    fields = {
        "prompt": f"<|im_start|>user\nWhat is {n} + 1?<|im_end|>\n<|im_start|>assistant\n",
        "chosen": f"Answer: {n + 1}",
        "rejected": f"Answer: {n}",
        "problem_id": f"p{n}",
        "solution_id": f"s{n}",
        "model": "rtn",
        "step": 0,
        "steps": 1,
    }
    return Pair(**fields | changes)


PAIRS = [
    pair(0),
    pair(1),
    pair(2, subtype=Subtype.REPETITION, error_type="degenerate"),
    pair(3, rejected="a" * 80),
]


MADE = Path(__file__).parent.parent / "quant" / "fixtures"


@pytest.fixture(scope="module", params=["W3A16", "W8A8", "awq", "gptq-v2-act-order"])
def checkpoint(request, tiny_model, tmp_path_factory):
    if (MADE / request.param).is_dir():
        return MADE / request.param
    out = tmp_path_factory.mktemp("quantized") / request.param
    return quantize(tiny_model, Recipe(method="rtn", scheme=request.param), [], out).folder


@pytest.mark.parametrize("rejected", ["token", "step"])
def test_training_learns_and_leaves_the_quantized_weights_as_they_were(checkpoint, rejected, tmp_path):
    before = weights_sha256(checkpoint)
    told = []
    config = CONFIG.model_copy(update={"rejected": rejected})
    result = train(
        checkpoint, PAIRS, config, tmp_path / "out", progress=lambda step, of: told.append((step, of))
    )
    assert weights_sha256(checkpoint) == before
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [step.step for step in result.curve] == [1, 2, 3, 4]
    assert result.curve[-1].loss < result.curve[0].loss
    account = json.loads((result.folder / "training.json").read_text())
    assert account["checkpoint_sha256"] == before
    assert account["curve"] == [step._asdict() for step in result.curve]
    assert generated(checkpoint, result.folder) != generated(checkpoint, None)


def generated(checkpoint, adapter):
    engine = TransformersEngine.load(checkpoint, name="restored", adapter=adapter, unpack=load_unpacked)
    return list(engine.generate([Prompt("p", "What is 2 + 1?")], Sampling(max_tokens=12)))


@pytest.mark.parametrize("rejected", ["token", "step"])
def test_training_again_gives_the_same_bytes(tiny_model, rejected, tmp_path):
    config = CONFIG.model_copy(update={"rejected": rejected})
    folders = [train(tiny_model, PAIRS, config, tmp_path / name).folder for name in "ab"]
    first, second = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert first == second
    assert str(tmp_path.parent).encode() not in b"".join(first.values())


def test_no_pairs_and_unknown_targets_are_refused_and_nothing_written(tiny_model, tmp_path):
    with pytest.raises(InputError, match="no pairs"):
        train(tiny_model, [], CONFIG, tmp_path / "out")
    with pytest.raises(ConfigError, match="nowhere_proj"):
        train(tiny_model, PAIRS, CONFIG.model_copy(update={"targets": ("nowhere_proj",)}), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
