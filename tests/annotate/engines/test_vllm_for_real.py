"""The vLLM engine against a real vLLM, beside the transformers engine: 4 bits, with an adapter or without."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.engine import Completion, Prompt, Sampling
from firstfault.annotate.engines.loading import load_model
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.engines.vllm import VLLMEngine
from firstfault.annotate.engines.vllm_server import VLLMServer, find_served
from firstfault.datasets.abacus import generate, program_of
from firstfault.datasets.errors import ConfigError
from firstfault.datasets.records import Finish, Split
from firstfault.models import BUNDLED
from firstfault.quant.quantize import quantize
from firstfault.quant.recipes import Recipe
from vllm_server import vllm_python

pytestmark = pytest.mark.vllm
PROBLEMS = generate(Split.HELD_OUT, 30, seed=3)
PROMPTS = [Prompt(problem.id, problem.question) for problem in PROBLEMS]
GREEDY = Sampling(max_tokens=320)


class Both(NamedTuple):
    """The same checkpoint in both engines, without its adapter and with it."""

    vllm: VLLMEngine
    transformers: TransformersEngine
    vllm_adapted: VLLMEngine
    transformers_adapted: TransformersEngine


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    try:
        python = vllm_python()
    except ConfigError as error:
        pytest.skip(str(error))
    scratch = tmp_path_factory.mktemp("vllm")
    made = quantize(BUNDLED, Recipe(method="rtn", scheme="W4A16", group_size=32), [], scratch / "w4")
    adapter = make_adapter(made.folder, scratch / "adapter")
    config = EngineConfig(name="vllm")
    with ExitStack() as stack:
        server = stack.enter_context(
            VLLMServer(
                python,
                made.folder,
                name="adapted",
                log=scratch / "log",
                config=config,
                adapter=adapter,
                say=print,
            )
        )
        base = find_served(server.url, server.served.key, "base")
        assert base is not None
        yield Both(
            VLLMEngine.of(base, made.folder, name="w4"),
            TransformersEngine.load(made.folder, name="w4"),
            VLLMEngine.of(server.served, made.folder, name="adapted"),
            TransformersEngine.load(made.folder, name="adapted", adapter=adapter),
        )


def make_adapter(model: Path, out: Path) -> Path:
    """Write a LoRA adapter of random weights, large enough to change answers."""
    import peft
    import torch

    torch.manual_seed(0)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(load_model(model).model, config)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.15)
    adapted.save_pretrained(str(out))
    return out


def by_key(completions: Iterator[Completion]) -> dict[str, Completion]:
    return {one.key: one for one in completions}


def agreement(ours: dict[str, Completion], theirs: dict[str, Completion]) -> float:
    assert ours.keys() == theirs.keys()
    return sum(ours[key] == theirs[key] for key in ours) / len(ours)


def test_completions_are_those_of_transformers_but_for_close_calls(both: Both):
    ours, theirs = (
        by_key(both.vllm.generate(PROMPTS, GREEDY)),
        by_key(both.transformers.generate(PROMPTS, GREEDY)),
    )
    assert agreement(ours, theirs) >= 0.9
    right = [ours[one.id].text == "\n".join(program_of(one).steps()) for one in PROBLEMS]
    assert sum(right) > 0.8 * len(right)
    assert all(one.finish is Finish.STOP for one in ours.values())


def test_a_prefix_is_continued_without_a_break(both: Both):
    starts = {one.id: program_of(one).steps()[0] for one in PROBLEMS}
    # In the middle of a line.
    prompts = [one._replace(prefix=starts[one.key].rpartition(" ")[0]) for one in PROMPTS]
    ours, theirs = (
        by_key(both.vllm.generate(prompts, GREEDY)),
        by_key(both.transformers.generate(prompts, GREEDY)),
    )
    assert agreement(ours, theirs) >= 0.9
    went_on = [one.key for one in prompts if (one.prefix + ours[one.key].text).startswith(starts[one.key])]
    assert len(went_on) > 0.9 * len(prompts)


def test_an_adapter_changes_answers_as_in_transformers(both: Both):
    ours = by_key(both.vllm_adapted.generate(PROMPTS, GREEDY))
    theirs = by_key(both.transformers_adapted.generate(PROMPTS, GREEDY))
    plain = by_key(both.vllm.generate(PROMPTS, GREEDY))
    assert agreement(ours, theirs) >= 0.7
    assert agreement(ours, plain) < 0.7


@pytest.mark.parametrize("adapted", [False, True])
def test_log_probabilities_are_those_of_transformers_within_the_noise(both: Both, adapted: bool):
    import torch

    ours = both.vllm_adapted if adapted else both.vllm
    theirs = both.transformers_adapted if adapted else both.transformers
    texts = ["\n".join(program_of(one).steps()) for one in PROBLEMS]
    scored = {one.key: one for one in ours.score(PROMPTS, texts)}
    differences: list[float] = []
    for prompt, text in zip(PROMPTS, texts, strict=True):
        (ids,) = theirs.tokens.encode([prompt], [text])
        with torch.inference_mode():
            logits = theirs.model(input_ids=torch.tensor([ids])).logits[0].float()
        told = torch.log_softmax(logits, -1)
        one = scored[prompt.key]
        assert one.log_probabilities is not None
        assert one.tokens == tuple(ids[-len(one.tokens) :])
        start = len(ids) - len(one.tokens)
        for at, value in zip(range(start, len(ids)), one.log_probabilities, strict=True):
            differences.append(abs(value - float(told[at - 1, ids[at]])))
    assert len(differences) > 1000
    assert sum(differences) / len(differences) < 0.02


def test_samples_are_different_and_the_same_again(both: Both):
    # The bundled model is sure of itself: most samples are the same even at the highest temperature there is.
    sampled = Sampling(max_tokens=60, temperature=2.0, samples=3, seed=5)
    first, again = ([*both.vllm.generate(PROMPTS[:8], sampled)] for _ in range(2))
    texts = {(one.key, one.sample): one.text for one in first}
    assert len(texts) == 24
    assert len(set(texts.values())) > 8
    same = sum(texts[one.key, one.sample] == one.text for one in again)
    assert same >= 18


def test_a_prompt_that_fills_the_context_is_cut_off_before_it_began(both: Both):
    long = Prompt("long", "zebra " * 2000)
    completions = by_key(both.vllm.generate([long, PROMPTS[0]], GREEDY))
    assert completions["long"][2:] == ("", Finish.LENGTH, 0)
    assert completions[PROMPTS[0].key].finish is Finish.STOP
