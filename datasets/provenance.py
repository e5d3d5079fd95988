"""Where a released set comes from: all that its card says and its rows do not."""

from pydantic import Field

from .funnel import Gate
from .records import Interval, Record


class JudgeFigures(Record):
    """How often a judge agrees with the truth on one set of solutions."""

    judge: str
    cases: str
    """Which solutions, e.g. `regressions`."""
    items: int
    first_fault: Interval | None = None
    error_type: Interval | None = None
    false_alarms: Interval | None = None


class Source(Record):
    """A problem set that regressions come from."""

    name: str
    licence: str
    """Identifier as on the Hub."""
    problems: int
    """Problems of it that are in the set."""
    repository: str | None = None
    """Where on the Hub it was read; `None` for a file or generated problems."""
    revision: str | None = None
    """The Hub's commit."""


class FormatTuned(Record):
    """How full precision was taught the step format before anything was quantized."""

    model: str
    """Name of the model as it was before."""
    sha256: str
    """Of its weights."""
    given: bool = False
    """Whether the solutions came from a file; else the model had written them itself."""
    read: int = Field(ge=0)
    """Solutions of mining problems that were looked at."""
    right: int = Field(ge=0)
    """Of these, right ones that ended by themselves."""
    rewritten: int = Field(ge=0)
    """Of those learnt, the ones that were brought into the format first."""
    learnt: int = Field(ge=1)
    """Solutions that it was trained on, one per problem; their problems are mined no more."""


class Provenance(Record):
    """How a set was made. Holds no path, no key, no person's name and no time."""

    base_model: str
    """Name of the full-precision model."""
    base_sha256: str
    """Of its weights."""
    format_tuned: FormatTuned | None = None
    """What the full-precision model was made of, where it was tuned first."""
    variant: str
    method: str
    scheme: str
    """E.g. `W3A16`."""
    group_size: int | None = None
    bits_per_weight: float | None = None
    variant_sha256: str
    """Of the quantized weights."""
    chat_template_sha256: str
    system: str
    """System message of the prompts."""
    max_tokens: int
    temperature: float
    panel: tuple[str, ...]
    """Judges, in the order in which they are asked."""
    rule: str
    """How their votes became one verdict."""
    judges: tuple[JudgeFigures, ...] = ()
    """Measured agreement, where the problems come with a truth."""
    reviews: int = Field(default=0, ge=0)
    reviewed: int = Field(default=0, ge=0)
    """Regressions that people settled."""
    reviewers: int = Field(default=0, ge=0)
    overlap: dict[str, int] = {}
    """Mining problems removed before anything was generated, by kind of overlap with the held-out split."""
    benchmarks: tuple[str, ...] = ()
    """Test sets that it was kept clear of, besides the held-out split."""
    funnel: tuple[Gate, ...]
    test_share: float
    sources: tuple[Source, ...]
    held_out: int | None = None
    """Held-out problems that the accuracies are measured on."""
    full_precision: Interval | None = None
    """Held-out accuracy of the full-precision model."""
    quantized: Interval | None = None
    restored: Interval | None = None
    """After training on this set's train part."""
    recovery: Interval | None = None
    seeds: dict[str, int] = {}
    versions: dict[str, str] = {}
