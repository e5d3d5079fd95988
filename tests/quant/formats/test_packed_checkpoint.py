import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from firstfault.datasets.errors import ModelError
from firstfault.quant.checkpoint import read_checkpoint
from firstfault.quant.recipes import Recipe

pytest.importorskip("llmcompressor", reason="needs the extra `local`")

import torch
from firstfault.quant.formats.packed_checkpoint import open_packed
from firstfault.quant.quantize import quantize
from safetensors import safe_open
from safetensors.torch import load_file, save_file

MADE = Path(__file__).parent.parent / "fixtures"
BY_LIBRARIES = {
    "awq": ("AutoAWQ", "W4A16", 32, False),
    "gptq": ("GPTQ", "W4A16", 32, True),
    "gptq-v2-act-order": ("GPTQ", "W4A16", 32, False),
    "gptq-3bit": ("GPTQ", "W3A16", 32, False),
}
BY_US = {
    f"ct-w{bits}-{'sym' if symmetric else 'asym'}": Recipe(
        method="rtn", scheme=f"W{bits}A16", group_size=32, symmetric=symmetric
    )
    for bits in (2, 3, 4, 8)
    for symmetric in (True, False)
}


@pytest.fixture(scope="module", params=[*BY_LIBRARIES, *BY_US])
def checkpoint(request, tiny_model, tmp_path_factory):
    if request.param in BY_LIBRARIES:
        return MADE / request.param
    return quantize(tiny_model, BY_US[request.param], [], tmp_path_factory.mktemp("ct") / "out").folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def tensors(folder):
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return found


def test_writing_every_layer_as_it_was_read_gives_every_file_byte_for_byte(checkpoint, tmp_path):
    opened = open_packed(checkpoint)
    assert len(opened.layers) == 14
    opened.write(tmp_path / "out", {name: opened.layer(name) for name in opened.layers})
    assert contents(tmp_path / "out") == contents(checkpoint)


def test_a_layer_is_integers_zeros_and_scales_of_the_documented_shapes(checkpoint):
    opened = open_packed(checkpoint)
    for name in opened.layers:
        layer = opened.layer(name)
        out_features, in_features = layer.integers.shape
        shape = (out_features, in_features // layer.group_size)
        assert layer.scales.shape == layer.zero_points.shape == shape
        assert layer.integers.dtype == layer.zero_points.dtype == torch.uint8
        assert int(layer.integers.max()) < 2**layer.bits
        assert layer.dequantize().shape == layer.integers.shape
        assert layer.dequantize().dtype == layer.scales.dtype
    assert set(opened.plain) | {f"{n}.{s}" for n in opened.layers for s in opened.format.own} >= set(
        tensors(checkpoint)
    )


def test_only_what_was_changed_is_written(checkpoint, tmp_path):
    opened = open_packed(checkpoint)
    name = opened.layers[3]
    layer = opened.layer(name)
    zeros = None if layer.zeros is None else (layer.zeros + 1) & (2**layer.bits - 1)
    opened.write(tmp_path / "out", {name: replace(layer, scales=layer.scales * 1.25, zeros=zeros)})
    before, after = tensors(checkpoint), tensors(tmp_path / "out")
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed <= {
        f"{name}.{suffix}" for suffix in ("scales", "qzeros", "weight_scale", "weight_zero_point")
    }
    assert len(changed) == 1 + (zeros is not None)
    read = open_packed(tmp_path / "out").layer(name)
    assert torch.equal(read.scales, layer.scales * 1.25)
    assert torch.equal(read.integers, layer.integers)
    assert zeros is None or torch.equal(read.zeros, zeros)
    sizes = [
        {p.name: p.stat().st_size for p in folder.iterdir()} for folder in (checkpoint, tmp_path / "out")
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weights_of_compressed_tensors_are_those_of_its_library(bits, symmetric, tiny_model, tmp_path):
    from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    recipe = Recipe(method="rtn", scheme=f"W{bits}A16", group_size=32, symmetric=symmetric)
    folder = quantize(tiny_model, recipe, [], tmp_path / "out").folder
    opened, stored = open_packed(folder), tensors(folder)
    args = QuantizationArgs(num_bits=bits, strategy="group", group_size=32, symmetric=symmetric)
    for name in opened.layers:
        parts = {key.removeprefix(f"{name}."): stored[key] for key in stored if key.startswith(f"{name}.")}
        theirs = PackedQuantizationCompressor.decompress(
            parts, QuantizationScheme(targets=["Linear"], weights=args)
        )
        assert torch.equal(opened.layer(name).dequantize(), theirs["weight"])


@pytest.mark.parametrize("name", BY_LIBRARIES)
def test_what_it_is_is_told_from_its_configuration(name):
    form, scheme, group_size, symmetric = BY_LIBRARIES[name]
    read = read_checkpoint(MADE / name)
    assert (read.scheme, read.quantized, read.group_size, read.symmetric) == (
        scheme,
        True,
        group_size,
        symmetric,
    )
    assert open_packed(MADE / name).format.name == form


def test_activation_order_survives(tmp_path):
    opened = open_packed(MADE / "gptq-v2-act-order")
    layer = opened.layer("model.layers.0.self_attn.q_proj")
    assert layer.g_idx is not None
    assert layer.g_idx.bincount().tolist() == [32] * 4
    assert not torch.equal(layer.g_idx, layer.g_idx.sort().values)


def test_zero_points_of_nought_survive_the_first_version_of_gptq(tmp_path):
    opened = open_packed(MADE / "gptq-3bit")
    four = open_packed(MADE / "gptq")
    for number, one in enumerate((opened, four)):
        name = one.layers[0]
        layer = one.layer(name)
        counted = torch.arange(layer.zeros.numel()).view(layer.zeros.shape)
        zeros = (counted & (2**layer.bits - 1)).to(torch.uint8)
        one.write(tmp_path / str(number), {name: replace(layer, zeros=zeros)})
        assert torch.equal(open_packed(tmp_path / str(number)).layer(name).zeros, zeros)


def test_a_checkpoint_can_be_written_over_itself(tmp_path):
    folder = shutil.copytree(MADE / "awq", tmp_path / "awq")
    opened = open_packed(folder)
    name = opened.layers[0]
    layer = opened.layer(name)
    opened.write(folder, {name: replace(layer, scales=layer.scales * 2)})
    assert torch.equal(open_packed(folder).layer(name).scales, layer.scales * 2)
    assert [path.name for path in tmp_path.iterdir()] == ["awq"]


def test_a_layer_of_another_shape_or_type_is_refused_and_nothing_written(tmp_path):
    opened = open_packed(MADE / "awq")
    name = opened.layers[0]
    layer = opened.layer(name)
    for wrong in (replace(layer, scales=layer.scales.float()), replace(layer, scales=layer.scales[:, :1])):
        with pytest.raises(ValueError, match="instead of"):
            opened.write(tmp_path / "out", {name: wrong})
    with pytest.raises(ValueError, match="no packed layer"):
        opened.write(tmp_path / "out", {"nowhere": layer})
    assert list(tmp_path.iterdir()) == []


# What can be wrong with a checkpoint, and what is said of it.


def configure(**changes):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        config["quantization_config"] |= changes
        (folder / "config.json").write_text(json.dumps(config))

    return change


def rewrite(name, change):
    """Write the shard of a tensor anew with the tensor changed."""

    def apply(folder):
        for path in folder.glob("*.safetensors"):
            held = load_file(path)
            if name in held:
                held[name] = change(held[name])
                if held[name] is None:
                    del held[name]
                save_file(held, path)

    return apply


def cut(folder):
    path = folder / "model-00002-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def no_numbers(scales):
    scales[0, 0] = float("nan")
    return scales


Q = "model.layers.0.self_attn.q_proj"
AWQ, GPTQ = "awq", "gptq-v2-act-order"
WRONG = {
    "another method": (AWQ, configure(quant_method="bitsandbytes"), "quantized as 'bitsandbytes'"),
    "fp8": (AWQ, configure(quant_method="fp8"), "quantized as 'fp8'"),
    "another order": (AWQ, configure(version="gemv"), "AWQ at 4 bits in 'gemv' order"),
    "repacked": (GPTQ, configure(checkpoint_format="marlin"), "GPTQ weights repacked for 'marlin'"),
    "bits": (GPTQ, configure(bits=5), "GPTQ at 5 bits"),
    "dynamic": (GPTQ, configure(dynamic={"+:.*": {"bits": 8}}), "settings of their own"),
    "unclear": (GPTQ, configure(bits="four"), "can't be understood"),
    "another group size": (AWQ, configure(group_size=64), r"qzeros has shape \(\d+, \d+\) instead of"),
    "other bits": (GPTQ, configure(bits=8), "not those of"),
    "an object": (AWQ, lambda f: (f / "config.json").write_text("[]"), "not a JSON object"),
    "missing shard": (
        AWQ,
        lambda f: (f / "model-00002-of-00003.safetensors").unlink(),
        "model-00002-of-00003.safetensors of 3 files missing",
    ),
    "cut off": (AWQ, cut, "cut off at"),
    "garbage": (
        AWQ,
        lambda f: (f / "model-00001-of-00003.safetensors").write_bytes(b"\0" * 64),
        "not a safetensors file",
    ),
    "index": (
        AWQ,
        lambda f: (f / "model.safetensors.index.json").write_text("{}"),
        "not an index of safetensors",
    ),
    "missing scales": (AWQ, rewrite(f"{Q}.scales", lambda t: None), f"{Q}.scales is in none of the files"),
    "shape": (AWQ, rewrite(f"{Q}.scales", lambda t: t[:1].clone()), f"{Q}.scales has shape"),
    "type": (AWQ, rewrite(f"{Q}.qzeros", lambda t: t.float()), f"{Q}.qzeros is F32 instead of I32"),
    "no numbers": (AWQ, rewrite(f"{Q}.scales", no_numbers), f"{Q}.scales holds scales that are no finite"),
    "no such group": (GPTQ, rewrite(f"{Q}.g_idx", lambda t: t + 1), f"{Q}.g_idx holds groups outside 0 to 3"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_checkpoint_that_can_not_be_used_is_refused_in_one_line_with_a_hint(what, tmp_path):
    source, spoil, message = WRONG[what]
    folder = shutil.copytree(MADE / source, tmp_path / "spoilt")
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        open_packed(folder).weights()
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_an_index_never_leads_out_of_the_folder(tmp_path):
    folder = shutil.copytree(MADE / "awq", tmp_path / "awq")
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("model-00001", "../model-00001"))
    with pytest.raises(ModelError, match="names a file outside the folder"):
        open_packed(folder)


def test_what_is_not_packed_is_refused(tiny_model, tmp_path):
    with pytest.raises(ModelError, match="not quantized by its config"):
        open_packed(tiny_model)
    made = quantize(tiny_model, Recipe(method="rtn", scheme="W8A8"), [], tmp_path / "w8a8")
    with pytest.raises(ModelError, match="'int-quantized', which is not packed integers"):
        open_packed(made.folder)
