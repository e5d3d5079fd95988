import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Pair
from firstfault.restore.config import RestoreConfig

pytest.importorskip("trl", reason="needs the extra `local`")

from firstfault.annotate.engines.loading import load_tokenizer
from firstfault.restore.dpo import dpo_rows, trimmed

ASKED = "<|im_start|>user\nWhat is 1 + 1?<|im_end|>\n<|im_start|>assistant\n"
PAIR = Pair(
    prompt=ASKED + "Step 1: 1 + 0 = 1\n",
    prefix="Step 1: 1 + 0 = 1\n",
    chosen="Step 2: 1 + 1 = 2\nAnswer: 2",
    rejected="Step 2: 1 + 1 = 3\nStep 3: 3 * 2 = 6\nAnswer: 6",
    problem_id="p",
    solution_id="s",
    model="rtn",
    step=1,
    steps=3,
)


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    return load_tokenizer(tiny_model)


def row(tokenizer, *, ended=True, pair=PAIR, **config):
    [only] = dpo_rows([pair], tokenizer, RestoreConfig(**config), [ended])
    return only


def test_continuations_that_did_not_end_teach_nothing_about_ending():
    ended = {"chosen_ids": [1, 2, 9], "rejected_ids": [3, 3, 3, 3, 3, 9]}
    assert trimmed({**ended, "rejected_ends": True}) == ended
    assert trimmed({**ended, "rejected_ends": False}) == {"chosen_ids": [1, 2, 9], "rejected_ids": [3, 3, 3]}


def test_only_the_faulty_step_is_trained_against_unless_all_is_asked_for(tokenizer):
    cut = row(tokenizer, rejected="step")
    assert (cut["rejected"], cut["rejected_ends"]) == (PAIR.prefix + "Step 2: 1 + 1 = 3\n", False)
    whole = row(tokenizer, rejected="solution")
    assert (whole["rejected"], whole["rejected_ends"]) == (PAIR.prefix + PAIR.rejected, True)
    last = row(tokenizer, rejected="step", pair=PAIR.model_copy(update={"rejected": "Answer: 1"}))
    assert (last["rejected"], last["rejected_ends"]) == (PAIR.prefix + "Answer: 1", True)
    assert row(tokenizer, rejected="solution", ended=False)["rejected_ends"] is False


def test_the_right_steps_before_the_fault_are_learnt_unless_only_the_continuation_is_asked_for(tokenizer):
    solution = row(tokenizer, learn="solution")
    assert (solution["prompt"], solution["chosen"]) == (ASKED, PAIR.prefix + PAIR.chosen)
    continuation = row(tokenizer, learn="continuation")
    assert (continuation["prompt"], continuation["chosen"]) == (PAIR.prompt, PAIR.chosen)


def test_prompts_that_leave_nothing_to_learn_are_left_out(tokenizer):
    long = PAIR.model_copy(update={"prompt": "x" * 200 + PAIR.prompt})
    config = RestoreConfig(rejected="step", max_tokens=200)
    assert len(dpo_rows([long, PAIR], tokenizer, config, [True, True])) == 1
    with pytest.raises(InputError, match="every prompt has 200 tokens or more"):
        dpo_rows([long], tokenizer, config, [True])
