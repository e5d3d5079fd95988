"""Text that a model wrote, for Argilla's Markdown fields."""

import re
from collections.abc import Sequence


def to_markdown(text: str) -> str:
    """Escape tags."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def from_markdown(text: str) -> str:
    """Undo `to_markdown`."""
    return text.replace("&lt;", "<")


def steps_to_markdown(steps: Sequence[str]) -> str:
    """Number the steps."""
    return "\n\n".join(f"**{n}.** {to_markdown(step)}" for n, step in enumerate(steps, 1))
