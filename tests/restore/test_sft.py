"""Supervised fine-tuning of a full-precision model, on a real if tiny one."""

import json
from pathlib import Path

import pytest
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.annotate.engines.loading import load_model, load_tokenizer
from firstfault.datasets.errors import ConfigError, InputError, ModelError
from firstfault.models import BUNDLED
from firstfault.quant.checkpoint import chat_template_sha256, read_checkpoint, weights_sha256

pytest.importorskip("trl", reason="needs the extra `local`")

from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.prompts import PromptFormat
from firstfault.restore.config import SftConfig
from firstfault.restore.sft import ACCOUNT, Text, fine_tune, sft_rows

CONFIG = SftConfig(epochs=2, batch_size=2, rank=4, learning_rate=1e-2)
QUANTIZED = Path(__file__).parent.parent / "quant" / "fixtures" / "awq"


def text(number: int) -> Text:
    prompt = f"<|im_start|>user\n{number} + 1?<|im_end|>\n<|im_start|>assistant\n"
    return Text(prompt, f"Step 1: {number + 1}\nAnswer: {number + 1}")


TEXTS = [text(number) for number in range(4)]


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")
def test_a_model_learns_what_it_is_taught_and_stays_an_ordinary_one(tmp_path: Path):
    before = weights_sha256(BUNDLED)
    told: list[tuple[int, int]] = []
    config = SftConfig(epochs=30, batch_size=2, rank=16, learning_rate=3e-3)
    tuned = fine_tune(
        BUNDLED, TEXTS[:2], config, tmp_path / "out", progress=lambda step, of: told.append((step, of))
    )
    assert weights_sha256(BUNDLED) == before
    assert told == [(step, 30) for step in range(1, 31)] == [(n, config.steps(2)) for n in range(1, 31)]
    assert tuned.losses[-1] < 0.1 < tuned.losses[0]
    there, was = read_checkpoint(tuned.folder), read_checkpoint(BUNDLED)
    assert (there.scheme, there.quantized, there.size_bytes) == (was.scheme, False, was.size_bytes)
    assert chat_template_sha256(tuned.folder) == chat_template_sha256(BUNDLED)
    # The whole answer and its end, from the folder alone and in the type that it is stored in.
    engine = TransformersEngine.load(tuned.folder, name="tuned", prompt_format=PromptFormat(system=""))
    (said,) = engine.generate([Prompt("p", "0 + 1?")], Sampling(max_tokens=60))
    assert (said.text, said.finish) == (TEXTS[0].completion, "stop")
    account = json.loads((tuned.folder / ACCOUNT).read_text())
    assert account["model_sha256"] == before
    assert account["config"] == config.model_dump(mode="json")
    assert account["losses"] == tuned.losses


def test_tuning_again_gives_the_same_bytes(tiny_model: Path, tmp_path: Path):
    folders = [fine_tune(tiny_model, TEXTS, CONFIG, tmp_path / name).folder for name in ("one", "other")]
    contents = [{path.name: path.read_bytes() for path in sorted(folder.iterdir())} for folder in folders]
    assert contents[0] == contents[1]
    other = fine_tune(tiny_model, TEXTS, CONFIG.model_copy(update={"seed": 1}), tmp_path / "seed")
    assert weights_sha256(other.folder) != weights_sha256(folders[0])


def test_only_the_completion_and_its_end_are_learnt(tiny_model: Path):
    tokenizer = load_tokenizer(tiny_model)
    (row,) = sft_rows(TEXTS[:1], tokenizer, CONFIG)
    learnt = [
        token for token, is_learnt in zip(row["input_ids"], row["completion_mask"], strict=True) if is_learnt
    ]
    assert tokenizer.decode(learnt) == TEXTS[0].completion + "<|im_end|>"
    assert tokenizer.decode(row["input_ids"]) == "".join(TEXTS[0]) + "<|im_end|>"


def test_the_loss_is_of_the_completions_alone(tiny_model: Path, tmp_path: Path):
    import torch

    model, tokenizer = load_model(tiny_model, dtype="float32")
    said: list[float] = []
    for row in sft_rows(TEXTS[:2], tokenizer, CONFIG):
        ids = torch.tensor([row["input_ids"]])
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(
                model(input_ids=ids).logits[0, :-1], ids[0, 1:], reduction="none"
            )
        said += loss[torch.tensor(row["completion_mask"])[1:] == 1].tolist()
    # An adapter starts without an effect.
    tuned = fine_tune(tiny_model, TEXTS[:2], CONFIG, tmp_path / "out")
    assert tuned.losses[0] == pytest.approx(sum(said) / len(said), abs=1e-4)


def test_a_text_that_would_not_end_is_left_out(tiny_model: Path, tmp_path: Path):
    long = Text(TEXTS[0].prompt, "Step 1: " + "a" * 200)
    config = CONFIG.model_copy(update={"max_tokens": 100})
    assert len(sft_rows([*TEXTS, long], load_tokenizer(tiny_model), config)) == len(TEXTS)
    with pytest.raises(InputError, match="none of 1 solutions with its prompt has at most 100 tokens"):
        fine_tune(tiny_model, [long], config, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_tuned_is_refused_and_nothing_is_left(tiny_model: Path, tmp_path: Path):
    with pytest.raises(ModelError, match=r"awq: quantized \(W4A16\)"):
        fine_tune(QUANTIZED, TEXTS, CONFIG, tmp_path / "out")
    with pytest.raises(ConfigError, match="'nowhere'"):
        fine_tune(tiny_model, TEXTS, CONFIG.model_copy(update={"targets": ("nowhere",)}), tmp_path / "out")

    def stop(step: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fine_tune(tiny_model, TEXTS, CONFIG, tmp_path / "out", progress=stop)
    assert not list(tmp_path.iterdir())
