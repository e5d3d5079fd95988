"""Train the bundled model from scratch on abacus.

    python -m firstfault.models.train OUT --tokens 27.5e6 --threads 2

A run writes `OUT/checkpoint.pt` every few minutes and goes on from it when started again with the same
command. Problems come from abacus' train split, which shares nothing with the mining and the held-out
split. The loss is on the solution only.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from .induction import begin_with_induction
from .lessons import Row, rows_of_chunk
from .tokenizer import EOS, PAD, VOCABULARY, token_id, train_tokenizer


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
        eos_token_id=token_id(tokenizer, EOS),
        pad_token_id=token_id(tokenizer, PAD),
        bos_token_id=None,
    )
    model = Qwen2ForCausalLM(config)
    begin_with_induction(model, seed)
    return model


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
    parser.add_argument("--tokens", type=float, default=27.5e6, help="training tokens, prompts included")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--adam-rate", type=float, default=3e-3)
    parser.add_argument("--muon-rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.5, help="share of the tokens in which rates fall")
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
        for ids, labels in batches_of_chunk(rows, chunk, args.batch, token_id(tokenizer, PAD)):
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
