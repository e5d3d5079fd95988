"""The vLLM engine against a server that speaks its API over a tiny random model."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.engine import Completion, Prompt, Sampling
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.engines.vllm import VLLMEngine
from firstfault.annotate.engines.vllm_server import Served, find_served
from firstfault.datasets.errors import EndpointError
from firstfault.datasets.records import Finish
from vllm_double import KEY, MODEL, VLLMDouble

PROMPTS = [Prompt(f"p{number}", f"What is 2 + {number}?") for number in range(6)]
SAMPLED = Sampling(max_tokens=12, temperature=1.0, samples=3, seed=7)


@pytest.fixture(scope="module")
def reference(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine.load(tiny_model, name="tiny", dtype="float32", batch_size=1)


@pytest.fixture
def double(reference: TransformersEngine, tiny_model: Path) -> Iterator[VLLMDouble]:
    with VLLMDouble(reference.model, tiny_model) as running:
        yield running


def engine_of(double: VLLMDouble, folder: Path, key: str = KEY, **fields: object) -> VLLMEngine:
    config = EngineConfig.model_validate({"name": "vllm", **fields})
    return VLLMEngine.of(Served(double.url, key, MODEL, None), folder, name="tiny", config=config)


@pytest.fixture
def engine(double: VLLMDouble, tiny_model: Path) -> VLLMEngine:
    return engine_of(double, tiny_model)


def by_key(completions: Iterator[Completion]) -> dict[tuple[str, int], Completion]:
    return {(one.key, one.sample): one for one in completions}


def test_completions_are_those_of_transformers_loops_cut_at_the_same_place(engine, reference):
    sampling = Sampling(max_tokens=150)
    ours, theirs = by_key(engine.generate(PROMPTS, sampling)), by_key(reference.generate(PROMPTS, sampling))
    assert ours == theirs
    # Else nothing was cut.
    degenerate = [one for one in ours.values() if one.finish is Finish.DEGENERATE]
    assert degenerate
    assert all(one.tokens < 150 and one.tokens % 16 == 0 for one in degenerate)


def test_a_completion_that_ends_is_told_from_one_that_is_cut_off(engine, reference, double):
    whole = engine.generate(PROMPTS[:1], Sampling(max_tokens=12))
    assert next(whole).finish is Finish.LENGTH
    ends = tuple(reference.tokens.encode(PROMPTS)[0])
    engine._ends = ends
    reached = list(engine.generate(PROMPTS, Sampling(max_tokens=60)))
    assert any(one.finish is Finish.STOP for one in reached)
    assert set(double.bodies[-1]["stop_token_ids"]) == set(ends)


def test_a_completion_goes_on_from_its_prefix(engine, double, reference):
    prompts = [prompt._replace(prefix="Step 1:") for prompt in PROMPTS]
    sampling = Sampling(max_tokens=20)
    ours, theirs = by_key(engine.generate(prompts, sampling)), by_key(reference.generate(prompts, sampling))
    assert ours == theirs
    assert sorted(body["prompt"] for body in double.bodies) == sorted(reference.tokens.encode(prompts))
    assert ours != by_key(engine.generate(PROMPTS, sampling))


def test_as_many_prompts_as_wanted_are_in_flight(double, tiny_model):
    together = threading.Barrier(6)
    double.meet = lambda: together.wait(30)
    completions = list(engine_of(double, tiny_model, concurrency=6).generate(PROMPTS, Sampling(max_tokens=2)))
    assert {one.key for one in completions} == {prompt.key for prompt in PROMPTS}


def test_samples_are_different_and_the_same_again(engine):
    first, again = by_key(engine.generate(PROMPTS, SAMPLED)), by_key(engine.generate(PROMPTS, SAMPLED))
    assert first == again
    assert len(first) == 18
    texts = [first["p0", sample].text for sample in range(3)]
    assert len(set(texts)) > 1
    other = by_key(engine.generate(PROMPTS, SAMPLED.model_copy(update={"seed": 8})))
    assert other != first


def test_greedy_samples_are_asked_for_once(engine, double):
    completions = list(engine.generate(PROMPTS[:1], Sampling(max_tokens=4, samples=3)))
    assert [one.sample for one in completions] == [0, 1, 2]
    assert len({one.text for one in completions}) == 1
    assert [body["n"] for body in double.bodies] == [1]


def test_a_prompt_that_fills_the_context_is_cut_off_before_it_began(engine, double):
    long = Prompt("long", "x" * 600)
    completions = by_key(engine.generate([*PROMPTS[:2], long], Sampling(max_tokens=4)))
    assert completions["long", 0][2:] == ("", Finish.LENGTH, 0)
    assert completions["p1", 0].tokens == 4
    assert len(double.bodies) == 2


def test_the_server_may_have_a_smaller_context(double, tiny_model):
    (ids,) = engine_of(double, tiny_model).tokens.encode(PROMPTS[:1])
    for limit, tokens in ((len(ids), 0), (len(ids) + 3, 3)):
        engine = VLLMEngine.of(Served(double.url, KEY, MODEL, limit), tiny_model, name="tiny")
        (completion,) = engine.generate(PROMPTS[:1], Sampling(max_tokens=9))
        assert (completion.finish, completion.tokens) == (Finish.LENGTH, tokens)


def test_log_probabilities_are_those_of_the_model(engine, reference):
    import torch

    continuations = [f"Step 1: {number}" for number in range(6)]
    scored = {one.key: one for one in engine.score(PROMPTS, continuations)}
    for prompt, continuation in zip(PROMPTS, continuations, strict=True):
        (ids,) = reference.tokens.encode([prompt], [continuation])
        with torch.inference_mode():
            logits = reference.model(input_ids=torch.tensor([ids])).logits[0].float()
        told = torch.log_softmax(logits, -1)
        start = len(ids) - len(continuation)
        expected = [float(told[at - 1, ids[at]]) for at in range(start, len(ids))]
        one = scored[prompt.key]
        assert one.tokens == tuple(ids[start:])
        assert one.log_probabilities == pytest.approx(expected, abs=1e-4)


def test_a_continuation_that_does_not_fit_has_no_log_probabilities(engine):
    (scored,) = engine.score(PROMPTS[:1], ["x" * 600])
    assert scored.log_probabilities is None


def test_a_passing_failure_is_asked_again(engine, double):
    double.statuses = [503, 429]
    completions = list(engine.generate(PROMPTS, Sampling(max_tokens=2)))
    assert len(completions) == 6
    assert len(double.bodies) == 8


def test_a_refused_key_ends_it_with_a_hint(double, tiny_model):
    engine = engine_of(double, tiny_model, key="another-secret-9876543210")
    with pytest.raises(EndpointError, match="the key was refused") as caught:
        list(engine.generate(PROMPTS, Sampling(max_tokens=2)))
    assert caught.value.hint
    assert "another-secret" not in str(caught.value)


def test_a_request_that_is_refused_ends_it_and_is_not_quoted(engine, double):
    double.statuses = [400] * 6
    with pytest.raises(EndpointError, match="HTTP 400") as caught:
        list(engine.generate(PROMPTS, Sampling(max_tokens=2)))
    assert "What is" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    ["no JSON", "{}", '{"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}', "[]"],
)
def test_an_answer_that_is_not_vllms_ends_it_with_a_hint(engine, double, answer):
    double.answer = answer
    with pytest.raises(EndpointError, match="no completion of vLLM") as caught:
        list(engine.generate(PROMPTS, Sampling(max_tokens=2)))
    assert "token ids" in caught.value.hint


def test_a_completion_that_the_server_gave_up_ends_it(engine, double):
    choice = {"index": 0, "text": "", "token_ids": [5], "finish_reason": "abort"}
    double.answer = json.dumps({"choices": [choice]})
    with pytest.raises(EndpointError, match="gave up a completion: abort"):
        list(engine.generate(PROMPTS, Sampling(max_tokens=2)))


def test_a_server_that_has_ended_is_not_asked_again(double, tiny_model):
    def ended() -> None:
        raise EndpointError("vLLM for tiny ended with exit code 1", hint="See the log")

    served = Served(double.url, KEY, MODEL, None, ended)
    engine = VLLMEngine.of(served, tiny_model, name="tiny", config=EngineConfig(name="vllm", concurrency=1))
    double.statuses = [503]
    with pytest.raises(EndpointError, match="ended with exit code 1"):
        list(engine.generate(PROMPTS, Sampling(max_tokens=2)))
    assert len(double.bodies) == 1


def test_breaking_off_leaves_no_request_running(double, tiny_model):
    completions = engine_of(double, tiny_model, concurrency=1).generate(PROMPTS, Sampling(max_tokens=2))
    next(completions)
    completions.close()
    assert len(double.bodies) < 6
    assert not [thread for thread in threading.enumerate() if thread.name == "asking"]


def test_a_served_model_is_found_by_its_name_or_its_folder(double, tiny_model, tmp_path):
    assert find_served(double.url, KEY, MODEL) == Served(double.url, KEY, MODEL, 512)
    found = find_served(double.url, KEY, "rtn-w4g32", tiny_model)
    assert found is not None
    assert found.model == MODEL
    assert find_served(double.url, KEY, "rtn-w4g32", tmp_path) is None


def test_where_no_vllm_answers_one_line_says_so(double):
    with pytest.raises(EndpointError, match="HTTP 401") as caught:
        find_served(double.url, "wrong", MODEL)
    assert "api_key_env" in caught.value.hint
    with pytest.raises(EndpointError, match="no answer") as caught:
        find_served("http://127.0.0.1:9/v1", KEY, MODEL)
    assert "/v1" in caught.value.hint
