import math

import pytest
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Pair
from firstfault.restore.config import RestoreConfig
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("trl", reason="needs the extra `local`")

import torch
from firstfault.annotate.engines.loading import load_tokenizer
from firstfault.restore.frontier import NOWHERE, frontier_rows, margins
from firstfault.restore.preference import train
from transformers import AutoModelForCausalLM

ASKED = "<|im_start|>user\nWhat is 1 + 1?<|im_end|>\n<|im_start|>assistant\n"
FIRST = "Step 1: 1 + 0 = 1\n"
RIGHT = "Step 2: 1 + 1 = 2\nAnswer: 2"
CONFIG = RestoreConfig(epochs=1, batch_size=4, rank=4, learning_rate=1e-2)


def pair(rejected="Step 2: 1 + 1 = 3\nAnswer: 3", **changes):
    fields = {
        "prompt": ASKED + FIRST,
        "prefix": FIRST,
        "chosen": RIGHT,
        "rejected": rejected,
        "problem_id": "p",
        "solution_id": "s",
        "model": "rtn",
        "step": 1,
        "steps": 3,
    }
    return Pair(**fields | changes)


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    return load_tokenizer(tiny_model)


def row(tokenizer, one, *, ended=True, **config):
    [only] = frontier_rows([one], tokenizer, RestoreConfig(**config), [ended])
    return only


def test_the_frontier_is_where_the_texts_part(tokenizer):
    made = row(tokenizer, pair())
    before = tokenizer.decode(made["input_ids"][: made["frontier"]])
    assert before == ASKED + FIRST + "Step 2: 1 + 1 = "
    assert tokenizer.decode([made["input_ids"][made["frontier"]]]) == "2"
    assert tokenizer.decode([made["wrong"]]) == "3"
    assert made["input_ids"][-1] == tokenizer.eos_token_id


@pytest.mark.parametrize(("learn", "learnt"), [("solution", FIRST + RIGHT), ("continuation", RIGHT)])
def test_the_right_solution_is_learnt_and_not_the_question(tokenizer, learn, learnt):
    made = row(tokenizer, pair(), learn=learn)
    labels = [label for label in made["labels"] if label != -100]
    assert len(made["labels"]) == len(made["input_ids"])
    assert tokenizer.decode(labels[:-1]) == learnt
    assert labels[-1] == tokenizer.eos_token_id


def test_breaking_off_is_a_fault_only_of_a_solution_that_ended(tokenizer):
    broken_off = pair(rejected="Step 2: 1 + 1 = 2")
    ended, cut = row(tokenizer, broken_off), row(tokenizer, broken_off, ended=False)
    assert ended["wrong"] == tokenizer.eos_token_id
    assert tokenizer.decode([ended["input_ids"][ended["frontier"]]]).startswith("\n")
    assert cut["frontier"] == NOWHERE


def test_a_fault_behind_the_longest_text_is_left_out(tokenizer):
    place = row(tokenizer, pair())["frontier"]
    made = row(tokenizer, pair(), max_tokens=place)
    assert (len(made["input_ids"]), made["frontier"]) == (place, NOWHERE)


def test_a_prompt_that_leaves_nothing_to_learn_is_left_out(tokenizer, tiny_model, tmp_path):
    longest = len(row(tokenizer, pair())["input_ids"])
    config = CONFIG.model_copy(update={"max_tokens": longest, "epochs": 2, "batch_size": 1})
    long = pair(prompt="x" * longest + FIRST)
    assert len(frontier_rows([long, pair()], tokenizer, config, [True, True])) == 1
    curve = train(tiny_model, [long, pair()], config, tmp_path / "out").curve
    assert all(math.isfinite(step.loss) for step in curve)
    with pytest.raises(InputError, match=f"every prompt has {longest} tokens"):
        train(tiny_model, [long], config, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@given(st.integers(1, 4), st.integers(2, 6), st.randoms(use_true_random=False))
def test_margins_are_differences_of_log_probabilities(rows, length, random):
    logits = torch.randn(rows, length, 7, generator=torch.Generator().manual_seed(random.randrange(2**31)))
    ids = torch.tensor([[random.randrange(7) for _ in range(length)] for _ in range(rows)])
    place = torch.tensor([random.randrange(1, length) for _ in range(rows)])
    wrong = torch.tensor([random.randrange(7) for _ in range(rows)])
    said = logits.log_softmax(-1)
    expected = [
        float(said[n, place[n] - 1, ids[n, place[n]]] - said[n, place[n] - 1, wrong[n]]) for n in range(rows)
    ]
    assert margins(logits, ids, place, wrong).tolist() == pytest.approx(expected, abs=1e-5)


def test_before_the_first_step_the_loss_is_the_likelihood_and_log_2(tiny_model, tokenizer, tmp_path):
    made = row(tokenizer, pair())
    model = AutoModelForCausalLM.from_pretrained(tiny_model).float()
    with torch.no_grad():
        likelihood = model(
            input_ids=torch.tensor([made["input_ids"]]), labels=torch.tensor([made["labels"]])
        ).loss.item()
    config = CONFIG.model_copy(update={"preference_weight": 0.5})
    [step] = train(tiny_model, [pair()], config, tmp_path / "out").curve
    assert step.loss == pytest.approx(likelihood + 0.5 * math.log(2), rel=1e-3)
    assert (step.accuracy, step.margin) == (0.0, 0.0)


def test_the_right_token_gains_on_the_wrong_one(tiny_model, tmp_path):
    config = CONFIG.model_copy(update={"epochs": 4, "sft_weight": 0.0, "preference_weight": 1.0})
    curve = train(tiny_model, [pair(), pair("Step 2: 1 + 1 = 7")], config, tmp_path / "out").curve
    assert curve[-1].accuracy == 1.0
    assert curve[-1].margin > curve[2].margin > curve[0].margin == 0


def test_pairs_without_a_frontier_still_teach_the_right_solution(tiny_model, tmp_path):
    cut = pair(rejected="Step 2: 1 + 1 = 2", subtype="truncation", error_type="degenerate")
    config = CONFIG.model_copy(update={"epochs": 4})
    curve = train(tiny_model, [cut], config, tmp_path / "out").curve
    assert curve[-1].loss < curve[0].loss
