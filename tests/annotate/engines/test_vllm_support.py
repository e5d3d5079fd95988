import json
from pathlib import Path
from typing import Any

import pytest
from firstfault.annotate.engines.vllm_support import end_tokens, lora_rank, stored_type, unserved
from firstfault.datasets.errors import ModelError


def checkpoint(folder: Path, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"dtype": "bfloat16", "eos_token_id": 2, **config}))
    (folder / "model.safetensors").touch()
    return folder


def groups(*bits: int, activations: int | None = None) -> dict[str, Any]:
    inputs = None if activations is None else {"num_bits": activations}
    made = {
        f"group_{n}": {"weights": {"num_bits": b}, "input_activations": inputs} for n, b in enumerate(bits)
    }
    return {"quant_method": "compressed-tensors", "config_groups": made}


@pytest.mark.parametrize(
    ("quantization", "missing"),
    [
        (None, None),
        (groups(4), None),
        (groups(8), None),
        (groups(8, activations=8), None),
        (groups(4, 8), None),
        (groups(3), 3),
        (groups(2), 2),
        (groups(4, 3), 3),
        ({"quant_method": "awq", "bits": 4}, None),
        ({"quant_method": "gptq", "bits": 4}, None),
        ({"quant_method": "gptq", "bits": 3}, 3),
    ],
)
def test_what_has_no_kernel_is_known_before_anything_starts(tmp_path, quantization, missing):
    folder = checkpoint(tmp_path, **({} if quantization is None else {"quantization_config": quantization}))
    assert unserved(folder) == (None if missing is None else f"vLLM has no kernel for {missing}-bit weights")


def test_no_adapter_goes_on_quantized_activations(tmp_path):
    folder = checkpoint(tmp_path / "w8a8", quantization_config=groups(8, activations=8))
    assert "adapter" in (unserved(folder, tmp_path) or "")
    assert unserved(checkpoint(tmp_path / "w4", quantization_config=groups(4)), tmp_path) is None


@pytest.mark.parametrize(
    ("config", "rank"), [({"r": 8}, 8), ({"r": 9}, 16), ({"r": 8, "rank_pattern": {"q_proj": 40}}, 64)]
)
def test_room_is_made_for_the_largest_rank(tmp_path, config, rank):
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    assert lora_rank(tmp_path) == rank


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"r": 4096}', '{"r": "many"}'])
def test_an_adapter_that_can_not_be_served_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "adapter_config.json").write_text(content)
    with pytest.raises(ModelError) as caught:
        lora_rank(tmp_path)
    assert "\n" not in str(caught.value)


def test_float32_stays_float32(tmp_path):
    assert stored_type(checkpoint(tmp_path, dtype="float32")) == "float32"
    assert stored_type(checkpoint(tmp_path)) == "auto"


@pytest.mark.parametrize(("listed", "ends"), [(5, [5]), ([5, 7], [5, 7]), (None, [])])
def test_ends_are_those_of_the_models_own_settings(tmp_path, listed, ends):
    folder = checkpoint(tmp_path)
    assert end_tokens(folder) == [2]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": listed}))
    assert end_tokens(folder) == ends
