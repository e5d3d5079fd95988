"""Problem sets that are known by name: where they lie on the Hub, and what their columns hold.

A set is an entry here, and no code: column names and forms are those of the set's own card.
"""

from typing import NamedTuple

from .columns import Columns


class Preset(NamedTuple):
    """A known problem set."""

    hub: str
    """Repository on the Hub."""
    columns: Columns
    subsets: tuple[str, ...] = ()
    """Configurations of the repository that belong to it, all of them read; empty for the only one."""
    split: str = "test"
    """Split on the Hub that is read where none is named."""
    licence: str | None = None
    """As its authors state it; `None` where they state none: before publishing you state it."""
    about: str = ""


# fmt: off
_MATH_SUBJECTS = (
    "algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra",
    "precalculus",
)
# fmt: on

PRESETS: dict[str, Preset] = {
    "gsm8k": Preset(
        "openai/gsm8k",
        Columns(question="question", answer="answer", form="marked"),
        subsets=("main",),
        licence="mit",
        about="Grade-school word problems (arXiv 2110.14168); splits `train`, `test`.",
    ),
    "math": Preset(
        "EleutherAI/hendrycks_math",
        Columns(question="problem", answer="solution", form="boxed", level="level", subject="type"),
        subsets=_MATH_SUBJECTS,
        licence="mit",
        about="Competition problems, five levels, seven subjects (arXiv 2103.03874); splits `train`, `test`.",
    ),
    "math-500": Preset(
        "HuggingFaceH4/MATH-500",
        Columns(question="problem", answer="answer", id="unique_id", level="level", subject="subject"),
        licence="mit",
        about="500 test problems of MATH (arXiv 2305.20050); split `test`.",
    ),
    "aime": Preset(
        "di-zhang-fdu/AIME_1983_2024",
        Columns(question="Question", answer="Answer", form="aime", id="ID", level="Problem Number"),
        split="train",
        about="Invitational examinations 1983 to 2024; the level is the problem's number, 1 to 15.",
    ),
    "aime-2024": Preset(
        "HuggingFaceH4/aime_2024",
        Columns(question="problem", answer="answer", form="aime"),
        split="train",
        about="The 30 problems of 2024.",
    ),
    "aime-2025": Preset(
        "math-ai/aime25",
        Columns(question="problem", answer="answer", form="aime"),
        about="The 30 problems of 2025.",
    ),
}
