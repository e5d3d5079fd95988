"""Llama and Qwen, random and small: measured, quantized, restored and measured again."""

from pathlib import Path

import pytest
from conftest import byte_tokenizer
from firstfault.annotate.compare import compare
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.annotate.grading import Grader
from firstfault.annotate.solutions import read_solution
from firstfault.datasets.records import Pair, Problem
from firstfault.loop.config import read_config
from firstfault.quant.recipes import Recipe
from firstfault.restore.config import RestoreConfig

pytest.importorskip("trl", reason="needs the extra `local`")

from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.quant.checkpoint import read_checkpoint, size_on_disk, weights_sha256
from firstfault.quant.formats.loading import load_unpacked
from firstfault.quant.quantize import quantize
from firstfault.restore.preference import train

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
PROBLEMS = [Problem(question=f"What is {n} + 1?", answer=str(n + 1)) for n in range(3)]


@pytest.fixture(scope="module", params=["llama", "llama-tied", "qwen2", "qwen3"])
def model(request, tmp_path_factory) -> Path:
    import torch
    import transformers

    torch.set_num_threads(1)
    tokenizer = byte_tokenizer()
    common = {
        **SHAPE,
        "vocab_size": len(tokenizer),
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
    }
    configs = {
        "llama": lambda: transformers.LlamaConfig(**common),
        # As Llama 3.2: the embeddings are the output layer too, and positions are scaled.
        "llama-tied": lambda: transformers.LlamaConfig(
            **common,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        ),
        "qwen2": lambda: transformers.Qwen2Config(**common, tie_word_embeddings=True),
        "qwen3": lambda: transformers.Qwen3Config(**common, head_dim=16),
    }
    transformers.set_seed(0)
    folder = tmp_path_factory.mktemp("models") / request.param
    made = transformers.AutoModelForCausalLM.from_config(configs[request.param]())
    made.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def solved(folder: Path, name: str, adapter: Path | None = None):
    engine = TransformersEngine.load(folder, name=name, adapter=adapter, unpack=load_unpacked)
    known = {one.id: one for one in PROBLEMS}
    prompts = [Prompt(one.id, one.question) for one in PROBLEMS]
    with Grader() as grader:
        return [
            read_solution(known[one.key], name, one.text, one.finish, one.tokens, grader)
            for one in engine.generate(prompts, Sampling(max_tokens=12))
        ]


@pytest.mark.parametrize("method", ["adapter", "scales"])
def test_a_model_is_measured_quantized_and_restored(model: Path, method: str, tmp_path: Path):
    variant = quantize(model, Recipe(method="rtn", scheme="W3A16", group_size=32), [], tmp_path / "w3").folder
    assert read_checkpoint(variant).quantized
    full, quantized = solved(model, "full_precision"), solved(variant, "rtn")
    assert compare(full, quantized).n == len(PROBLEMS)
    pairs = [
        Pair(
            prompt=f"<|im_start|>user\n{one.question}<|im_end|>\n<|im_start|>assistant\n",
            chosen=f"Answer: {one.answer}",
            rejected="Answer: no",
            problem_id=one.id,
            solution_id=f"s{number}",
            model="rtn",
            step=0,
            steps=1,
        )
        for number, one in enumerate(PROBLEMS)
    ]
    before = weights_sha256(variant)
    config = RestoreConfig(method=method, epochs=4, batch_size=3, rank=4, learning_rate=1e-2)
    result = train(variant, pairs, config, tmp_path / "restored")
    assert result.curve[-1].loss < result.curve[0].loss
    assert weights_sha256(variant) == before
    in_place = method == "scales"
    after = solved(result.folder if in_place else variant, "restored", None if in_place else result.folder)
    assert compare(full, after).n == len(PROBLEMS)
    if in_place:
        assert weights_sha256(result.folder) != before
        assert size_on_disk(result.folder) == size_on_disk(variant)
    else:
        assert [one.text for one in after] != [one.text for one in quantized]


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.yaml") if "-" in path.name))
def test_the_configurations_for_real_models_are_configurations(file: str):
    config = read_config(EXAMPLES / file)
    assert config.model is not None
    assert config.problems.sets is not None
    # The command that gets the model names the folder that the configuration reads.
    text = (EXAMPLES / file).read_text()
    assert f"--local-dir models/{config.model.name}" in text
    assert f"firstfault run examples/{file}" in text
