"""Quantization recipes: which method, how many bits, in groups of what size."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from ..datasets.config import Config

_SCALE_BITS = 16
_DEFAULT_GROUP = 128
_LONGEST_SLUG = 48


class Method(StrEnum):
    """How weights are rounded."""

    RTN = "rtn"
    """Round to nearest; needs no data."""
    GPTQ = "gptq"
    """Second-order rounding, column by column (arXiv 2210.17323)."""
    AWQ = "awq"
    """Scales salient channels up before rounding (arXiv 2306.00978)."""
    SMOOTHQUANT = "smoothquant"
    """Moves activation outliers into the weights before both are rounded (arXiv 2211.10438)."""


class Scheme(NamedTuple):
    """Bits of weights and activations."""

    weight_bits: int
    activation_bits: int
    """16 where activations are left alone."""


SCHEMES: dict[str, Scheme] = {
    "W2A16": Scheme(2, 16),
    "W3A16": Scheme(3, 16),
    "W4A16": Scheme(4, 16),
    "W8A16": Scheme(8, 16),
    "W8A8": Scheme(8, 8),
}


class Settings(Config):
    """What a method may be told besides the scheme; else llm-compressor's own value, if nothing is said."""

    dampening_frac: float | None = Field(default=None, gt=0)
    """`gptq`: share of the Hessian's mean diagonal that is added to it."""
    block_size: int | None = Field(default=None, ge=1)
    """`gptq`: columns that are rounded together."""
    duo_scaling: bool | Literal["both"] | None = None
    """`awq`: whether weights count for the scales as activations do; `both`, as when left out, tries both."""
    n_grid: int | None = Field(default=None, ge=1)
    """`awq`: scales that are tried."""
    smoothing_strength: float | None = Field(default=None, gt=0, lt=1)
    """`smoothquant`: share of the outliers that moves into the weights; 0.8 when left out."""
    observer: Literal["minmax", "memoryless-minmax", "mse", "memoryless-mse"] | None = None
    """Any but `smoothquant`: how a group's range is found."""

    @property
    def given(self) -> dict[str, Any]:
        """What is not left out."""
        return self.model_dump(exclude_none=True)


SETTINGS: dict[Method, tuple[str, ...]] = {
    Method.RTN: ("observer",),
    Method.GPTQ: ("dampening_frac", "block_size", "observer"),
    Method.AWQ: ("duo_scaling", "n_grid", "observer"),
    Method.SMOOTHQUANT: ("smoothing_strength",),
}
"""Settings that each method has."""


class Keep(Config):
    """Layers that are kept at more bits than the others."""

    layers: tuple[str, ...] = Field(min_length=1)
    """By full name, such as `model.layers.0.mlp.down_proj`, or `re:` pattern."""
    scheme: str = "W8A16"
    """One that leaves activations alone."""
    group_size: int | None = Field(default=None, ge=8)
    """Weights that share a scale; the recipe's own when left out."""

    @field_validator("scheme")
    @classmethod
    def _leaves_activations_alone(cls, scheme: str) -> str:
        scheme = known_scheme(scheme)
        if SCHEMES[scheme].activation_bits < 16:
            raise ValueError(f"kept layers leave activations alone, unlike {scheme}; use W8A16")
        return scheme


class Recipe(Config):
    """One way of quantizing a model. All linear layers but those ignored or kept are quantized alike."""

    method: Method
    """`rtn`, `gptq`, `awq` or `smoothquant`."""
    scheme: str = "W4A16"
    """`W2A16`, `W3A16`, `W4A16`, `W8A16` or `W8A8`: bits of weights and activations."""
    group_size: int | None = Field(default=None, ge=8)
    """Weights that share a scale; must divide every layer's input dimension. 128 when left out;
    `W8A8` has one scale per output channel instead."""
    symmetric: bool = True
    """Without, every group also has a zero point."""
    samples: int = Field(default=128, ge=1)
    """Calibration texts used at most; `rtn` at `A16` uses none."""
    ignore: tuple[str, ...] = ("lm_head",)
    """Layers left in full precision, by name or `re:` pattern."""
    settings: Settings = Settings()
    """What the method is told besides: `dampening_frac`, `block_size` (gptq), `duo_scaling`, `n_grid` (awq),
    `smoothing_strength` (smoothquant), `observer`."""
    keep: Keep | None = None
    """Layers kept at more bits than the others: a mixed precision (docs/sensitivity.md)."""

    @field_validator("scheme")
    @classmethod
    def _is_known(cls, scheme: str) -> str:
        return known_scheme(scheme)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        per_channel = self.bits.activation_bits < 16
        if self.method is Method.SMOOTHQUANT and not per_channel:
            raise ValueError(
                f"smoothquant quantizes activations too and needs scheme W8A8, not {self.scheme}"
            )
        if self.method is Method.AWQ and per_channel:
            raise ValueError(f"awq leaves activations alone and can't make {self.scheme}; use smoothquant")
        if per_channel and self.group_size is not None:
            raise ValueError(
                f"{self.scheme} has one scale per channel and no group_size, not {self.group_size}"
            )
        if per_channel and not self.symmetric:
            raise ValueError(f"{self.scheme} is symmetric only, not symmetric=false")
        for name in self.settings.given:
            if name not in SETTINGS[self.method]:
                raise ValueError(f"{self.method} has no setting {name}")
        if per_channel and self.settings.observer is not None:
            raise ValueError(f"{self.scheme} has no setting observer")
        if self.keep is not None and per_channel:
            raise ValueError(f"keep: layers are kept beside W2A16 to W4A16, not beside {self.scheme}")
        if self.keep is not None and SCHEMES[self.keep.scheme].weight_bits <= self.bits.weight_bits:
            raise ValueError(f"keep: {self.keep.scheme} is no more than {self.scheme}; use W8A16")
        return self

    @property
    def bits(self) -> Scheme:
        """Bits of weights and activations."""
        return SCHEMES[self.scheme]

    @property
    def group(self) -> int | None:
        """Weights that share a scale; `None` for one scale per output channel."""
        if self.bits.activation_bits < 16:
            return None
        return self.group_size or _DEFAULT_GROUP

    @property
    def name(self) -> str:
        """Short name that tells recipes apart, e.g. `gptq-w3g128` or `smoothquant-w8a8`."""
        weights, activations = self.bits
        name = f"{self.method}-w{weights}" + (f"g{self.group}" if self.group else f"a{activations}")
        name += "" if self.symmetric else "-asym"
        if self.keep is not None:
            bits, group = SCHEMES[self.keep.scheme].weight_bits, self.keep.group_size
            grouped = f"g{group}" if group else ""
            name += f"-keep-w{bits}{grouped}-{len(self.keep.layers)}-{_digest(self.keep.layers)}"
        # What has no place in the name must still not be confused with the plain recipe.
        for setting, value in self.settings.given.items():
            name += f"-{setting.replace('_', '-')}-{str(value).lower().replace('.', '-')}"
        return name if self.ignore == ("lm_head",) else f"{name}-{_slug(self.ignore)}"

    @property
    def description(self) -> str:
        """Bits and groups for people, e.g. `W3A16 g32, 9 layers W8A16`."""
        described = f"{self.scheme} g{self.group}" if self.group else self.scheme
        if self.keep is None:
            return described
        count = len(self.keep.layers)
        return f"{described}, {count} {'layer' if count == 1 else 'layers'} {self.keep.scheme}"

    @property
    def needs_data(self) -> bool:
        """Whether quantizing needs calibration texts."""
        return self.method is not Method.RTN

    @property
    def bits_per_weight(self) -> float:
        """Stored bits per quantized weight: the integer, and its share of the group's scale and zero point.

        A scale per output channel (`W8A8`) is a share of 16 bits over the input dimension, which
        is not known here and not counted. Kept layers are left aside: see `kept_bits_per_weight`.
        """
        return self._stored(self.bits.weight_bits, self.group)

    @property
    def kept_bits_per_weight(self) -> float:
        """The same of the kept layers; of the others where none is kept."""
        if self.keep is None:
            return self.bits_per_weight
        return self._stored(SCHEMES[self.keep.scheme].weight_bits, self.keep.group_size or self.group)

    def _stored(self, bits: int, group: int | None) -> float:
        if group is None:
            return float(bits)
        return bits + (_SCALE_BITS + (0 if self.symmetric else bits)) / group


def known_scheme(scheme: str) -> str:
    """Return a scheme's name as `SCHEMES` has it.

    Raises:
        ValueError: If there is none of that name.
    """
    if scheme.upper() not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r}; known are {', '.join(SCHEMES)}")
    return scheme.upper()


def _slug(ignore: tuple[str, ...]) -> str:
    slug = "except-" + (re.sub(r"[^a-z0-9]+", "-", "-".join(ignore).lower()).strip("-") or "nothing")
    # It becomes the name of a folder.
    return slug if len(slug) <= _LONGEST_SLUG else f"except-{len(ignore)}-{_digest(ignore)}"


def _digest(layers: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(layers).encode()).hexdigest()[:6]
