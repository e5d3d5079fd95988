"""How a quantized model is trained to get back what it lost."""

from __future__ import annotations

from math import ceil
from typing import Literal, Self

from pydantic import Field, model_validator

from ..datasets.config import Config

Method = Literal["adapter", "scales"]
Target = Literal["token", "distribution", "states"]
LEARNING_RATES: dict[tuple[Method, Target], float] = {
    ("adapter", "token"): 7e-4,
    ("adapter", "distribution"): 7e-4,
    ("adapter", "states"): 2e-3,
    ("scales", "token"): 3e-3,
    ("scales", "distribution"): 3e-3,
    ("scales", "states"): 1e-2,
}
"""What is told more of every token stands a higher rate (docs/results.md)."""
EPOCHS: dict[str, float] = {"token": 4.0, "distribution": 4.0, "states": 8.0}
BATCH_SIZES: dict[str, int] = {"token": 16, "distribution": 16, "states": 4}
"""States say so much of every token that few texts make a good step, and many steps a better model."""


class Training(Config):
    """What there is to say of a training whatever is learnt."""

    zero_points: bool = False
    """Whether `scales` trains the zero points too, where the checkpoint has them."""
    rank: int = Field(default=16, ge=1)
    """Rank of the adapter."""
    alpha: int = Field(default=32, ge=1)
    """Scale of the adapter; it is applied as alpha / rank."""
    targets: tuple[str, ...] | str = "all-linear"
    """Names of the layers that get an adapter, or `all-linear`."""
    beta: float = Field(default=1.0, gt=0)
    """How much the preference loss holds on to the quantized model (arXiv 2305.18290): a margin that has
    grown by a few times 1 / beta counts as learnt."""
    preference_weight: float = Field(default=0.01, ge=0)
    """Weight of the preference loss. Much of it lowers the loss and the accuracy alike (docs/results.md)."""
    sft_weight: float = Field(default=1.0, ge=0)
    """Weight of the likelihood of the right solution, or of what is learnt in its place; 0 is pure DPO."""
    states_weight: float = Field(default=18.0, ge=0)
    """Of how far the hidden states are from full precision's, beside the divergence of the distributions."""
    learn: Literal["solution", "continuation"] = "solution"
    """How much of the right solution the likelihood sees: all of it, or what follows the fault. The
    preference loss is the same either way, since what both sides share cancels."""
    rejected: Literal["token", "step", "solution"] = "token"
    """How much of a rejected continuation is trained against: the first token that differs from the right
    one, the faulty step, or all of it. What follows from a fault is mostly right in itself."""
    max_tokens: int = Field(default=1024, ge=16)
    """Longest prompt with continuation; what is longer is cut at its end."""
    time_limit: float | None = Field(default=None, gt=0)
    """Seconds after which training stops at the end of a step, keeping what it has; the result then
    depends on the speed of the machine. None for no limit."""
    patience: int | None = Field(default=2, ge=1)
    """Epochs in a row without a lower loss on validation pairs after which training stops; None for never.
    With validation pairs the best epoch is kept in any case."""
    seed: int = 0
    """Of the order of pairs and the adapter's start."""


class RestoreConfig(Training):
    """Preference training of a quantized model that stays as low-bit as it is."""

    method: Literal[Method, "auto"] = "adapter"
    """What is trained: a LoRA adapter beside the quantized weights, or in place the scales of their groups,
    which gives a checkpoint of the same format, size and speed. `auto`: in place where the checkpoint's
    format is written here and full precision's states are learnt; else an adapter, which gets more out of
    tokens alone (docs/results.md)."""
    target: Literal[Target, "auto"] = "auto"
    """What is learnt at every token of the right solution: the token itself, full precision's distribution
    there (logit distillation, arXiv 2510.08600), or that and the hidden states behind every layer, which say
    more of every token; for both the full-precision model is run as well. `auto`: states where full precision
    is at hand, as in a run, and only one rejected token is trained against; else tokens."""
    batch_size: int | None = Field(default=None, ge=1)
    """Pairs per step: 16 when left out, 4 where states are learnt."""
    epochs: float | None = Field(default=None, gt=0)
    """Times every pair is seen: 4 when left out, 8 where states are learnt. An epoch of 178 short pairs on 3M
    parameters takes 10 to 20 s on two cores."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Highest rate; warms up over 5% of the steps and falls as a cosine. When left out 7e-4 for an adapter
    and 3e-3 for scales, as shares of them; where states are learnt 2e-3 and 1e-2. A large model wants
    less."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.target in ("distribution", "states") and self.rejected != "token":
            raise ValueError(f"target: {self.target} goes with rejected: token only")
        if self.zero_points and self.method != "scales":
            raise ValueError("zero_points: goes with method: scales only")
        if self.method == "scales" and self.rejected != "token":
            raise ValueError("method: scales goes with rejected: token only")
        return self

    def settled(self, *, teacher: bool, in_place: bool = False) -> Settled:
        """Return the same with nothing left open.

        Args:
            teacher: Whether the full-precision model is at hand.
            in_place: Whether the checkpoint's scales can be written.
        """
        target: Target
        if self.target == "auto":
            target = "states" if teacher and self.rejected == "token" else "token"
        else:
            target = self.target
        method: Method
        if self.method == "auto":
            method = "scales" if in_place and target == "states" else "adapter"
        else:
            method = self.method
        return Settled.model_validate(
            {
                **self.model_dump(),
                "method": method,
                "target": target,
                "batch_size": self.batch_size or BATCH_SIZES[target],
                "epochs": self.epochs or EPOCHS[target],
                "learning_rate": self.learning_rate or LEARNING_RATES[method, target],
            }
        )


class Settled(Training):
    """A training of which nothing is left open."""

    method: Method
    target: Target
    batch_size: int = Field(ge=1)
    epochs: float = Field(gt=0)
    learning_rate: float = Field(gt=0)

    def steps(self, pairs: int) -> int:
        """Optimizer steps for a number of pairs."""
        return ceil(self.epochs * ceil(pairs / self.batch_size))


class Limits(Config):
    """How much harm is none."""

    margin: float = Field(default=0.02, ge=0, lt=1)
    """Share of the second problem set that may be lost; the whole interval must be within it."""
    tolerance: float = Field(default=0.02, ge=0)
    """Share by which the perplexity of plain text may rise; the whole interval must be within it."""


class SftConfig(Config):
    """How a model is trained on texts."""

    epochs: float = Field(default=3.0, gt=0)
    """Times every solution is seen."""
    learning_rate: float = Field(default=2e-4, gt=0)
    """Highest rate; warms up over 5% of the steps and falls as a cosine."""
    rank: int = Field(default=16, ge=1)
    """Rank of the adapter that is merged into the weights at the end."""
    alpha: int = Field(default=32, ge=1)
    """Scale of the adapter; it is applied as alpha / rank."""
    targets: tuple[str, ...] | str = "all-linear"
    """Names of the layers that are trained, or `all-linear`."""
    batch_size: int = Field(default=16, ge=1)
    """Solutions per step."""
    max_tokens: int = Field(default=1024, ge=16)
    """Longest prompt with solution; what is longer is left out, since it would not end."""
    seed: int = 0
    """Of the order of solutions and the adapter's start."""

    def steps(self, texts: int) -> int:
        """Optimizer steps for a number of texts."""
        return ceil(self.epochs * ceil(texts / self.batch_size))
