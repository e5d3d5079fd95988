"""Train the bundled model from scratch on abacus.

    python -m firstfault.models.train OUT --tokens 60e6 --threads 2

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
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from ..datasets import stories
from ..datasets.abacus import LARGEST, LEVELS, program_of, stream_problems
from ..datasets.program import amount
from ..datasets.records import Problem, Split

CHUNK = 2048  # problems generated, sorted by length and batched together; a run resumes at a chunk's start
CURRICULUM = ((12, 3), (20, 5))  # (until this chunk, problems of at most so many steps)
DRILLS = ((14, 0), (20, 1536), (34, 640))  # (until this chunk, rows of bare equations)
DRILLS_AFTER = 320
EQUATIONS = 24  # per row
RESPELL_AT = 24  # the chunk from which on numbers are spelled as they are in use
START = "<|im_start|>"
EOS = "<|im_end|>"
PAD = "<|endoftext|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Tokenizers(NamedTuple):
    """Two ways of spelling the same vocabulary."""

    spaced: PreTrainedTokenizerFast
    """The first digit of a number carries the space before it: fewer tokens, to learn the language from."""
    final: Qwen2Tokenizer
    """As transformers' Qwen2 tokenizer spells: the space and every digit are tokens."""

    def of_chunk(self, chunk: int) -> PreTrainedTokenizerFast:
        """The spelling that a chunk is learned in."""
        return self.spaced if chunk < RESPELL_AT else self.final


def train_tokenizers() -> Tokenizers:
    """Byte-level BPE over abacus' language; every digit is a token, so that numbers are spelled."""
    texts = list[str]()
    for problem in islice(stream_problems(Split.TRAIN, seed=-1), 4000):
        texts += [problem.question, solution_text(problem), "user", "assistant"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [
            pre_tokenizers.Split(Regex(r" ?\d"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=896,
        special_tokens=[PAD, START, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    spaced = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS, pad_token=PAD)
    spaced.chat_template = CHAT_TEMPLATE
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
    final.chat_template = CHAT_TEMPLATE
    return Tokenizers(spaced, final)


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen2ForCausalLM:
    """A Qwen2 of 2.6M parameters; every linear dimension is a multiple of 128."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    config = Qwen2Config(
        vocab_size=896,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=_token_id(tokenizer, EOS),
        pad_token_id=_token_id(tokenizer, PAD),
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(config)


def _token_id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found: Any = tokenizer.convert_tokens_to_ids(token)
    return int(found)


def solution_text(problem: Problem) -> str:
    """The right solution, as the model is to write it."""
    return "\n".join(program_of(problem).steps())


Row = tuple[list[int], list[int]]  # token ids, labels (-100 where there is no loss)


def levels_of_chunk(chunk: int) -> tuple[int, ...]:
    """Short problems first: copying numbers from the question is learned sooner from few of them."""
    longest = next((level for until, level in CURRICULUM if chunk < until), LEVELS[-1])
    return tuple(level for level in LEVELS if level <= longest)


def rows_of_chunk(tokenizer: PreTrainedTokenizerFast, chunk: int) -> list[Row]:
    """Tokenized examples of one chunk, a pure function of its number."""
    rows = list[Row]()
    template: Any = tokenizer  # its stubs leave most types open
    for problem in islice(stream_problems(Split.TRAIN, seed=chunk, levels=levels_of_chunk(chunk)), CHUNK):
        prompt: str = template.apply_chat_template(
            [{"role": "user", "content": problem.question}], add_generation_prompt=True, tokenize=False
        )
        prompt_ids: list[int] = template(prompt, add_special_tokens=False)["input_ids"]
        answer_ids: list[int] = template(solution_text(problem) + EOS, add_special_tokens=False)["input_ids"]
        rows.append((prompt_ids + answer_ids, [-100] * len(prompt_ids) + answer_ids))
    rng = Random(f"drills:{chunk}")
    drills = next((count for until, count in DRILLS if chunk < until), DRILLS_AFTER)
    return rows + [drill_row(tokenizer, rng) for _ in range(drills)]


def drill_row(tokenizer: PreTrainedTokenizerFast, rng: Random) -> Row:
    """Equations such as abacus' steps hold, the loss on their results only.

    A problem holds about 40 tokens per equation and a row of drills 9: arithmetic is what takes the most
    examples to learn.
    """
    template: Any = tokenizer
    ids: list[int] = template("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]
    labels = [-100] * len(ids)
    for _ in range(EQUATIONS):
        expression, result = drill(rng)
        asked: list[int] = template(f" {expression} =", add_special_tokens=False)["input_ids"]
        given: list[int] = template(f" {result}\n", add_special_tokens=False)["input_ids"]
        ids += asked + given
        labels += [-100] * len(asked) + given
    return ids, labels


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
            matrices, lr=muon_rate, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokens", type=float, default=60e6, help="training tokens, prompts included")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--adam-rate", type=float, default=3e-3)
    parser.add_argument("--muon-rate", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=float, default=180.0, help="seconds between checkpoints")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    tokenizers = train_tokenizers()
    model = build_model(tokenizers.final, args.seed)
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
    while seen < args.tokens:
        rows = rows_of_chunk(tokenizers.of_chunk(chunk), chunk)
        for ids, labels in batches_of_chunk(rows, chunk, args.batch, _token_id(tokenizers.final, PAD)):
            done = min(1.0, seen / args.tokens)
            # Warm-up, a plateau, and a linear decay over the last third: a run can be ended early by
            # starting it again with fewer tokens.
            factor = min(1.0, (step + 1) / 100, max(0.02, (1 - done) / 0.35))
            for optim, rate in zip(optims, base_rates, strict=True):
                optim.param_groups[0]["lr"] = rate * factor
            wanted = labels[:, 1:] != -100
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
                logits = model.lm_head(hidden[:, :-1][wanted])
            loss = torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][wanted])
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
    template: Any = tokenizers.final
    template.save_pretrained(args.out)


if __name__ == "__main__":
    main()
