"""The bundled model's tokenizer."""

import json
from itertools import islice
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

from ..datasets import stories
from ..datasets.abacus import LARGEST, program_of, stream_problems
from ..datasets.records import Problem, Split

WORDS = 960  # tokens of text; the numbers come on top
VOCABULARY = 1280  # rows of the embedding, a multiple of 128
START = "<|im_start|>"
EOS = "<|im_end|>"
PAD = "<|endoftext|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train_tokenizer() -> Qwen2Tokenizer:
    """Byte-level BPE over abacus' language, on top of it a token for every number that a story can hold.

    A number and the space before it are one token: a small model copies one token long before it copies
    three digits. Numbers elsewhere (`$45`, larger ones) are spelled in digits, as Qwen2's tokenizers do.
    """
    texts = list[str]()
    for problem in islice(stream_problems(Split.TRAIN, seed=-1), 4000):
        texts += [problem.question, solution_text(problem), "user", "assistant"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=[PAD, START, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    merges: Any = [tuple(merge) for merge in learned["merges"]]  # the annotation knows files only
    final = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=merges,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=PAD,
        extra_special_tokens=[START],
        model_max_length=1024,
    )
    numbers = [*map(str, range(1, LARGEST + 1)), *stories.SHARE_WORDS]
    template: Any = final
    template.add_tokens([AddedToken(f" {number}", normalized=False) for number in numbers])
    final.chat_template = CHAT_TEMPLATE
    return final


def solution_text(problem: Problem) -> str:
    """The right solution, as the model is to write it."""
    return "\n".join(program_of(problem).steps())


def token_id(tokenizer: Qwen2Tokenizer, token: str) -> int:
    """Return the id of a token."""
    found: Any = tokenizer.convert_tokens_to_ids(token)
    return int(found)


def spell(tokenizer: Qwen2Tokenizer, texts: list[str]) -> list[list[int]]:
    """Return the token ids of texts, nothing added."""
    speller: Any = tokenizer
    ids: list[list[int]] = speller(texts, add_special_tokens=False)["input_ids"]
    return ids
