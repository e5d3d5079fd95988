import shutil

import pytest
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.annotate.prompts import PromptFormat
from firstfault.datasets.errors import ModelError
from firstfault.datasets.records import Finish

pytest.importorskip("transformers", reason="needs the extra `local`")

from firstfault.annotate.engines.decoding import Stops, decode
from firstfault.annotate.engines.loading import load_model
from firstfault.annotate.engines.transformers import TransformersEngine

PROMPTS = [Prompt(f"p{n}", "What is " + " + ".join(["7"] * n) + "?") for n in range(1, 14)]
GREEDY = Sampling(max_tokens=24)
SAMPLED = Sampling(max_tokens=24, temperature=1.5, samples=2, seed=3)


@pytest.fixture(scope="module")
def engine(tiny_model):
    return TransformersEngine.load(tiny_model, name="tiny", batch_size=4)


def test_every_prompt_is_completed_and_keeps_its_key(engine):
    completions = list(engine.generate(PROMPTS, SAMPLED))
    asked = {(prompt.key, sample) for prompt in PROMPTS for sample in range(2)}
    assert {(c.key, c.sample) for c in completions} == asked
    assert len(completions) == len(asked)


def test_batches_hold_every_prompt_once_and_the_longest_first(engine):
    batches = engine.batches(PROMPTS)
    assert [len(batch) for batch in batches] == [4, 4, 4, 1]
    assert [prompt.key for batch in batches for prompt in batch] == [f"p{n}" for n in range(13, 0, -1)]


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED])
def test_a_batch_done_alone_gives_what_it_gave_among_the_others(engine, sampling):
    together = list(engine.generate(PROMPTS, sampling))
    last_first = [c for batch in reversed(engine.batches(PROMPTS)) for c in engine.complete(batch, sampling)]
    assert sorted(last_first) == sorted(together)


def test_another_seed_draws_other_completions(engine):
    texts = [
        [c.text for c in engine.generate(PROMPTS, SAMPLED.model_copy(update={"seed": s}))] for s in (3, 4)
    ]
    assert texts[0] != texts[1]


def test_the_samples_of_a_prompt_differ(engine):
    first, second = engine.complete(PROMPTS[:1], SAMPLED)
    assert first.text != second.text


def test_generating_leaves_the_global_random_state_alone(engine):
    import torch

    before = torch.random.get_rng_state()
    engine.complete(PROMPTS[:1], SAMPLED)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_completion_goes_on_from_its_prefix(engine):
    # Token by token, so that the model's own first tokens as a prefix must lead to the same rest.
    question, whole = ascii_completion(engine)
    cut = len(whole.text) // 2
    prompt = Prompt("p", question, prefix=whole.text[:cut])
    rest = engine.complete([prompt], Sampling(max_tokens=24 - cut))[0]
    assert rest.text == whole.text[cut:]


def ascii_completion(engine):
    """A question whose completion has a character for every token: a random model writes broken bytes too."""
    for number in range(50):
        question = f"What is 2 + {number}?"
        (completion,) = engine.complete([Prompt("p", question)], Sampling(max_tokens=24))
        if len(completion.text.encode()) == completion.tokens and "\ufffd" not in completion.text:
            return question, completion
    pytest.fail("the random model wrote broken bytes 50 times")


def test_a_loop_ends_early_and_is_degenerate(engine):
    completion = engine.complete(PROMPTS[:1], Sampling(max_tokens=300))[0]
    assert (completion.finish, completion.tokens < 300) == (Finish.DEGENERATE, True)


def test_finished_rows_are_dropped_without_a_trace_in_greedy_results(engine):
    rows = [[5 + n, 40, 60 + n] * 4 for n in range(12)]
    full = decode(engine.model, rows, Stops(20, (1,), 0, lambda tokens: False), 0.0, 0)
    ends = tuple({row.tokens[3] for row in full[:7]})
    cut = decode(engine.model, rows, Stops(20, ends, 0, lambda tokens: False), 0.0, 0)
    for whole, row in zip(full, cut, strict=True):
        assert row.tokens == whole.tokens[: len(row.tokens)]


def test_a_prompt_that_fills_the_context_is_cut_off_before_it_began(engine):
    long = Prompt("long", "x" * 600)
    completions = {c.key: c for c in engine.generate([*PROMPTS[:2], long], GREEDY)}
    assert completions["long"][2:] == ("", Finish.LENGTH, 0)
    assert completions["p1"].tokens > 0


def test_a_system_message_comes_before_the_question(engine):
    text = PromptFormat(system="Be brief.").render(engine.tokenizer, "Why?", "Step 1:")
    assert text.index("Be brief.") < text.index("Why?")
    assert text.endswith("<|im_start|>assistant\nStep 1:")


def test_examples_are_turns_before_the_question(engine):
    shown = PromptFormat(system="", examples=[{"question": "1 + 1?", "solution": "Answer: 2"}])
    assert shown.render(engine.tokenizer, "Why?") == (
        "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\nAnswer: 2<|im_end|>\n"
        "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_system_message_asks_for_the_form_of_the_answer():
    assert "'Answer: ...'" in PromptFormat().system
    assert "\\boxed{}" in PromptFormat(answer="boxed").system
    assert PromptFormat(answer="boxed", system="").system == ""


def test_a_tokenizer_without_chat_template_is_refused_with_a_hint(tiny_model):
    tokenizer = load_model(tiny_model).tokenizer
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template") as error:
        PromptFormat().render(tokenizer, "Why?")
    assert error.value.hint


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer*", "no tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_by_name(tiny_model, tmp_path, lacking, message):
    folder = shutil.copytree(tiny_model, tmp_path / "broken")
    for path in folder.glob(lacking):
        path.unlink()
    with pytest.raises(ModelError, match=message) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


def test_broken_weights_and_missing_folders_are_refused_in_one_line(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"nothing")
    for path in (folder, tmp_path / "nowhere"):
        with pytest.raises(ModelError) as error:
            load_model(path)
        assert "\n" not in str(error.value)
