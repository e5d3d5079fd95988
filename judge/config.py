"""The configuration of a panel: who judges, with what money."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from ..annotate.engines.batch import BatchMode
from ..annotate.engines.endpoint import Budget, Endpoint
from ..annotate.engines.ledger_place import ConfiguredPlace
from ..datasets.config import Config
from .template import Style
from .voting import Rule


class LLMConfig(Endpoint):
    """A language model that judges, written `{llm: NAME, ...}`."""

    style: Style = Style()
    samples: int = Field(default=1, ge=1)
    """Independent answers per solution; more than one vote like a panel."""
    batch: BatchMode | None = None
    """Through the endpoint's Batch API, at `price.batch` of the price and within a day: `true`, or how."""

    @model_validator(mode="before")
    @classmethod
    def _is_named(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "llm" in fields and "model" not in fields:
            return {("model" if name == "llm" else name): value for name, value in fields.items()}  # pyright: ignore[reportUnknownVariableType]
        return fields  # pyright: ignore[reportUnknownVariableType]

    @field_validator("batch", mode="before")
    @classmethod
    def _is_on_or_off(cls, batch: Any) -> Any:
        return BatchMode() if batch is True else None if batch is False else batch

    @property
    def asked(self) -> str:
        """How it is asked, as far as that changes what its confidence is worth."""
        style = self.style
        shown = ("reference" * style.show_reference, "full precision" * style.show_full_precision)
        several = f"{self.samples} samples" if self.samples > 1 else ""
        return ", ".join(part for part in (style.template, *shown, several) if part)

    @field_validator("model")
    @classmethod
    def _is_no_other_judge(cls, model: str) -> str:
        # Votes are told apart by name, and a vote of `symbolic` is a proof.
        if model in ("symbolic", "rollout", "panel"):
            raise ValueError(f"a language model can't be named {model!r}: that is another judge")
        return model


def _kind(member: Any) -> str:
    return "judge" if isinstance(member, str) else "llm"


PanelMember = Annotated[
    Annotated[Literal["symbolic", "rollout"], Tag("judge")] | Annotated[LLMConfig, Tag("llm")],
    # So that what is wrong with a language model is said of it, not that it is no judge of ours.
    Discriminator(_kind),
]


SURE_ENOUGH = 0.995
"""Confidence of a calibrated panel from which on `benchmarks/adaptive_panel.py` shows no loss to speak of."""


class Adaptive(Config):
    """A panel that stops asking about a solution once nothing that is left can change its label."""

    confidence: float | None = Field(default=SURE_ENOUGH, gt=0.5, lt=1)
    """Stops also once the panel is so sure; heeded where there is a calibration. `null`: never."""


class JudgeConfig(Config):
    """Who locates first faults."""

    panel: tuple[PanelMember, ...] = Field(default=("symbolic", "rollout"), min_length=1)
    """Asked in this order; put the cheapest first. `{llm: NAME}` is a language model behind an
    OpenAI-compatible API."""
    rule: Rule = Rule.WEIGHTED
    """How the panel's votes become one verdict. Without a calibration all votes weigh the same."""
    calibration: Path | None = None
    """What `firstfault judge calibrate` has written: what each judge's confidence is worth."""
    adaptive: Adaptive | None = None
    """When to stop asking about a solution; all judges are asked when left out."""
    samples: int = Field(default=4, ge=0)
    """Further tries of the rollout judge at the step where its search ends."""
    temperature: float = Field(default=0.7, gt=0)
    """Temperature of those tries."""
    injected: int = Field(default=1000, ge=0)
    """Injected errors to test the symbolic judge on, where problems are abacus."""
    budget: Budget = Budget()
    """What all language models together may cost."""
    shard_size: int = Field(default=1024, ge=1)
    """Solutions that are judged together, here or on a node of a cluster. The rollout judge's batches are
    made among them, so its verdicts are the same for the same size only."""
    ledger: ConfiguredPlace | None = None
    """Where answers are kept, so that none is bought twice: a file, or `postgresql://USER@HOST/NAME` for
    several machines; in the run's folder when left out."""

    @model_validator(mode="after")
    def _is_calibrated_where_it_has_to_be(self) -> Self:
        # The default is no wish of the user's, and stands written out in the configuration of every run.
        wish = self.adaptive.confidence if self.adaptive is not None else None
        if wish not in (None, SURE_ENOUGH) and self.calibration is None:
            raise ValueError("adaptive.confidence needs a calibration, made by `firstfault judge calibrate`")
        return self

    def with_paths_from(self, folder: Path) -> Self:
        """Make its paths absolute, taking relative ones as relative to a folder."""
        named = {"ledger": self.ledger, "calibration": self.calibration}
        return self.model_copy(
            update={name: (folder / path).resolve() for name, path in named.items() if isinstance(path, Path)}
        )

    def batched(self) -> Self:
        """Return the same panel with every language model asked in batches."""
        panel = tuple(
            member.model_copy(update={"batch": member.batch or BatchMode()})
            if isinstance(member, LLMConfig)
            else member
            for member in self.panel
        )
        return self.model_copy(update={"panel": panel})

    @property
    def is_cut(self) -> bool:
        """Whether solutions are judged in parts, because verdicts depend on what is judged together."""
        return "rollout" in self.panel and not any(llm.batch for llm in self.llms)

    @property
    def llms(self) -> tuple[LLMConfig, ...]:
        """The language models of the panel."""
        return tuple(member for member in self.panel if isinstance(member, LLMConfig))


class JudgeFile(Config):
    """What `firstfault judge FILE --config` reads: the `judge` part of a run's configuration."""

    judge: JudgeConfig
