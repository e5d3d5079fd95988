"""Train the bundled model from scratch on abacus.

    python -m firstfault.models.train OUT --tokens 36e6 --threads 2

A run writes `OUT/checkpoint.pt` every few minutes and goes on from it when started again with the same
command. Problems come from abacus' train split, which shares nothing with the mining and the held-out
split. The loss is on the solution only.
"""

import argparse
import json
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from math import inf
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from ..datasets import stories
from ..datasets.abacus import LARGEST, LEVELS, program_of, stream_problems
from ..datasets.program import amount
from ..datasets.records import Problem, Split
from .induction import begin_with_induction

CHUNK = 2048  # problems generated, sorted by length and batched together; a run resumes at a chunk's start


class Lesson(NamedTuple):
    """What a chunk holds."""

    until: float
    """The first chunk that is another lesson."""
    longest: int = LEVELS[-1]
    """Steps of its longest problems."""
    distractors: int = 2
    drills: int = 512
    """Rows of bare equations."""
    copies: int = 0
    """Rows of random sentences to quote."""


CURRICULUM = (
    Lesson(1, longest=3, distractors=0, drills=1024, copies=768),
    Lesson(2, longest=3, drills=1024, copies=512),
    Lesson(4, longest=5, drills=1024, copies=256),
    Lesson(7, drills=640, copies=128),
    Lesson(30, drills=2048, copies=128),
    Lesson(inf, copies=64),
)
EQUATIONS = 24  # per row
WORDS = 960  # tokens of text; the numbers come on top
VOCABULARY = 1280
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


def build_model(tokenizer: Qwen2Tokenizer, seed: int) -> Qwen2ForCausalLM:
    """A Qwen2 of 3.3M parameters; every linear dimension is a multiple of 128."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=384,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=_token_id(tokenizer, EOS),
        pad_token_id=_token_id(tokenizer, PAD),
        bos_token_id=None,
    )
    model = Qwen2ForCausalLM(config)
    begin_with_induction(model, seed)
    return model


def _token_id(tokenizer: Qwen2Tokenizer, token: str) -> int:
    found: Any = tokenizer.convert_tokens_to_ids(token)
    return int(found)


def solution_text(problem: Problem) -> str:
    """The right solution, as the model is to write it."""
    return "\n".join(program_of(problem).steps())


def lesson_of(chunk: int) -> Lesson:
    """What a chunk is to hold."""
    return next(lesson for lesson in CURRICULUM if chunk < lesson.until)


Row = tuple[list[int], list[int]]  # token ids, labels (-100 where there is no loss)


def rows_of_chunk(tokenizer: Qwen2Tokenizer, chunk: int) -> list[Row]:
    """Tokenized examples of one chunk, a pure function of its number."""
    template: Any = tokenizer  # its stubs leave most types open
    prompts, answers = list[str](), list[str]()
    lesson = lesson_of(chunk)
    levels = tuple(level for level in LEVELS if level <= lesson.longest)
    problems = stream_problems(Split.TRAIN, seed=chunk, levels=levels, distractors=lesson.distractors)
    for problem in islice(problems, CHUNK):
        turn = [{"role": "user", "content": problem.question}]
        prompts.append(template.apply_chat_template(turn, add_generation_prompt=True, tokenize=False))
        answers.append(solution_text(problem) + EOS)
    rows = [
        (asked + given, [-100] * len(asked) + given)
        for asked, given in zip(_spell(tokenizer, prompts), _spell(tokenizer, answers), strict=True)
    ]
    return [
        *rows,
        *drill_rows(tokenizer, Random(f"drills:{chunk}"), lesson.drills),
        *copy_rows(tokenizer, Random(f"copies:{chunk}"), lesson.copies),
    ]


def drill_rows(tokenizer: Qwen2Tokenizer, rng: Random, count: int) -> list[Row]:
    """Rows of equations such as abacus' steps hold, the loss on their results only.

    A problem holds about 40 tokens per equation and a row of drills 6: arithmetic is what takes the most
    examples to learn.
    """
    drills = [drill(rng) for _ in range(count * EQUATIONS)]
    asked = _spell(tokenizer, [f" {expression} =" for expression, _ in drills])
    given = _spell(tokenizer, [f" {result}\n" for _, result in drills])
    start = _spell(tokenizer, ["<|im_start|>assistant\n"])[0]
    rows = list[Row]()
    for first in range(0, len(drills), EQUATIONS):
        ids, labels = list(start), [-100] * len(start)
        for index in range(first, first + EQUATIONS):
            ids += asked[index] + given[index]
            labels += [-100] * len(asked[index]) + given[index]
        rows.append((ids, labels))
    return rows


def copy_rows(tokenizer: Qwen2Tokenizer, rng: Random, count: int) -> list[Row]:
    """Stories of random words, and steps that quote them sentence by sentence, the loss on the quotes only.

    Where a quote goes on is what is hardest to learn: between two of them stands an equation. In random
    words nothing else can be learned, and every word of a quote teaches it.
    """
    vocabulary = tokenizer.get_vocab()
    words = sorted(index for token, index in vocabulary.items() if token[0] == "Ġ" and token[1:].isalpha())
    numbers = [vocabulary[f" {number}"] for number in range(2, 100)]
    opening, turn, stop, equals, colon, end = _spell(
        tokenizer, ["<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", ".", " =", ":", ".\n"]
    )
    signs = [_spell(tokenizer, [sign])[0] for sign in (" +", " -", " *", " /")]
    rows = list[Row]()
    for _ in range(count):
        # Few words a row, so that a word alone doesn't tell its sentence.
        pool = rng.sample(words, rng.randint(6, 40))
        sentences = [
            [*rng.choices(pool, k=rng.randint(1, 6)), number, *rng.choices(pool, k=rng.randint(1, 4)), *stop]
            for number in rng.sample(numbers, rng.randint(2, 8))
        ]
        ids = [*opening, *(token for sentence in sentences for token in sentence), *turn]
        labels = [-100] * len(ids)
        told = step = 0
        while told < len(sentences):
            step += 1
            quoted = sentences[told : told + rng.choice((0, 1, 1, 1, 2))]
            told += len(quoted)
            number = next((token for token in reversed(quoted[-1]) if token in numbers), 0) if quoted else 0
            heading = [vocabulary["Step"], vocabulary[f" {step}"], *colon]
            quote = [token for sentence in quoted for token in sentence]
            own = [
                *rng.choices(pool, k=2), rng.choice(numbers), *rng.choice(signs),
                number or rng.choice(numbers), *equals, rng.choice(numbers), rng.choice(pool), *end,
            ]  # fmt: skip
            ids += heading + quote + own
            labels += [-100] * len(heading) + quote + [-100] * len(own)
        rows.append((ids, labels))
    return rows


def _spell(tokenizer: Qwen2Tokenizer, texts: list[str]) -> list[list[int]]:
    spell: Any = tokenizer
    ids: list[list[int]] = spell(texts, add_special_tokens=False)["input_ids"]
    return ids


def drill(rng: Random) -> tuple[str, int]:
    """One expression with a whole result, within abacus' limits."""
    while True:
        op = rng.choice("++---**/o")
        if op == "+":
            left, right = rng.randint(2, LARGEST - 2), rng.randint(2, 150)
            result = left + right
        elif op == "-":
            left, right = rng.randint(4, LARGEST), rng.randint(2, 150)
            result = left - right
        elif op == "*":
            left, right = rng.randint(2, 14), rng.randint(2, 150)
            if rng.random() < 0.5:
                left, right = right, left
            result = left * right
        elif op == "/":
            result, right = rng.randint(2, 150), rng.randint(2, 12)
            left = result * right
        else:
            share = rng.choice(list(stories.SHARE_WORDS))
            part = Fraction(1, amount(share).denominator)
            right = rng.randint(2, LARGEST // part.denominator) * part.denominator
            if right <= LARGEST:
                return f"{share} of {right}", int(amount(share) * right)
            continue
        if 2 <= result <= LARGEST and left <= LARGEST:
            return f"{left} {op} {right}", result


def batches_of_chunk(rows: list[Row], chunk: int, size: int, pad: int) -> Iterator[tuple[Any, Any]]:
    """Right-padded batches of rows of similar length, in random order.

    Yields:
        Token ids and labels, both int64 of shape (size, longest row); prompt and padding are -100 in labels.
    """
    ordered = sorted(rows, key=lambda row: len(row[0]))
    groups = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    Random(chunk).shuffle(groups)
    for group in groups:
        longest = len(group[-1][0])
        ids = torch.full((len(group), longest), pad)
        labels = torch.full((len(group), longest), -100)
        for line, (row, wanted) in enumerate(group):
            ids[line, : len(row)] = torch.tensor(row)
            labels[line, : len(row)] = torch.tensor(wanted)
        yield ids, labels


def optimizers(model: Qwen2ForCausalLM, adam_rate: float, muon_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, norms and biases."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(
            matrices, lr=muon_rate, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokens", type=float, default=36e6, help="training tokens, prompts included")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--adam-rate", type=float, default=3e-3)
    parser.add_argument("--muon-rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.4, help="share of the tokens in which rates fall")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=float, default=180.0, help="seconds between checkpoints")
    args = parser.parse_args()
    # A trained model's softmax leaves denormal numbers behind, which processors are slow with. First of all,
    # since threads take the setting over from the one that starts them.
    torch.set_flush_denormal(True)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    tokenizer = train_tokenizer()
    model = build_model(tokenizer, args.seed)
    optims = optimizers(model, args.adam_rate, args.muon_rate)
    base_rates = [optim.param_groups[0]["lr"] for optim in optims]
    checkpoint, log = args.out / "checkpoint.pt", args.out / "training_log.jsonl"
    step = seen = chunk = 0
    seconds = 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        for optim, saved in zip(optims, state["optimizers"], strict=True):
            optim.load_state_dict(saved)
        step, seen, chunk, seconds = state["step"], state["seen"], state["chunk"], state["seconds"]
    started, last_save, recent = time.monotonic() - seconds, time.monotonic(), list[float]()
    model.train()
    compiler: Any = torch
    forward = compiler.compile(model.model, dynamic=True)
    while seen < args.tokens:
        rows = rows_of_chunk(tokenizer, chunk)
        for ids, labels in batches_of_chunk(rows, chunk, args.batch, _token_id(tokenizer, PAD)):
            done = min(1.0, seen / args.tokens)
            # Warm-up, a plateau and a linear decay: a run can be ended early by starting it again with
            # fewer tokens.
            factor = min(1.0, (step + 1) / 100, max(0.02, (1 - done) / args.decay))
            for optim, rate in zip(optims, base_rates, strict=True):
                optim.param_groups[0]["lr"] = rate * factor
            wanted = labels[:, 1:] != -100
            hidden = forward(input_ids=ids, use_cache=False).last_hidden_state
            logits = model.lm_head(hidden[:, :-1][wanted])
            loss = torch.nn.functional.cross_entropy(logits, labels[:, 1:][wanted])
            for optim in optims:
                optim.zero_grad()
            loss.backward()  # pyright: ignore[reportUnknownMemberType]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optim in optims:
                optim.step()
            step, seen = step + 1, seen + int(ids.numel())
            recent.append(loss.item())
            if step % 50 == 0:
                entry = {
                    "step": step,
                    "tokens": seen,
                    "loss": round(sum(recent) / len(recent), 5),
                    "seconds": round(time.monotonic() - started, 1),
                }
                recent.clear()
                with log.open("a") as lines:
                    lines.write(json.dumps(entry) + "\n")
                print(entry, flush=True)
        chunk += 1
        if time.monotonic() - last_save > args.save_every or seen >= args.tokens:
            state = {
                "model": model.state_dict(),
                "optimizers": [optim.state_dict() for optim in optims],
                "step": step,
                "seen": seen,
                "chunk": chunk,
                "seconds": time.monotonic() - started,
            }
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            last_save = time.monotonic()
    finished: Any = model
    finished.to(torch.bfloat16).eval()
    finished.config.dtype = torch.bfloat16
    finished.save_pretrained(args.out)
    template: Any = tokenizer
    template.save_pretrained(args.out)


if __name__ == "__main__":
    main()
