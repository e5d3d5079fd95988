"""A solution as Markdown: its steps, numbered, and of a very long one the part that matters."""

from collections.abc import Mapping, Sequence

from ...datasets.showing import clip
from ..steps import bare_step
from .markdown import labelled

MOST_STEPS = 60
"""Steps that are shown of a longer solution, the last ones included."""
MOST_CHARACTERS = 4000
"""Of one step."""
LAST_STEPS = 3
AROUND_THE_FAULT = 2


def steps_to_markdown(
    steps: Sequence[str], around: int | None = None, notes: Mapping[int, str] | None = None
) -> str:
    """Write the steps of a solution under their numbers, from 1, each in a paragraph of its own.

    What a step itself says of its number is dropped where it is the same. Of a solution that goes on and
    on, the first steps are shown, the last ones, and those around one of them; what is left out is said.

    Args:
        steps: The steps as written.
        around: Index of a step that is shown with its neighbours, however late it comes.
        notes: Words of our own beside the number of a step, by its index.
    """
    shown: list[str] = []
    left_out = 0
    for index, step in enumerate(steps):
        near = around is not None and abs(index - around) <= AROUND_THE_FAULT
        if (
            len(steps) > MOST_STEPS
            and MOST_STEPS - LAST_STEPS <= index < len(steps) - LAST_STEPS
            and not near
        ):
            left_out += 1
            continue
        if left_out:
            shown.append(_gap(left_out))
            left_out = 0
        content = clip(bare_step(step, index + 1).strip(), MOST_CHARACTERS)
        # In the label, which no text can imitate.
        note = f" ({notes[index]})" if notes is not None and index in notes else ""
        shown.append(labelled(f"Step {index + 1}{note}", content))
    return "\n\n".join(shown)


def _gap(left_out: int) -> str:
    return f"**… {left_out} {'step' if left_out == 1 else 'steps'} left out …**"
