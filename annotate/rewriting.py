"""Writing a solution anew in the step format that was asked for: the same steps, numbered, and the answer.

Only labels and the closing line change; what the steps say stays as it was written.
"""

import re

from .answers import extract_answer
from .steps import STEP_MARK, AnswerForm, bare_step, is_well_formed, split_steps, states_answer

_LIST_MARK = re.compile(r"[ \t]*\d{1,2}[.)][ \t]+(?=\S)")
_ONLY_A_BOX = re.compile(r"[\s$\\\[\]()*.]*\\boxed\{[^\n]*\}[\s$\\\[\]()*.]*")


def in_step_format(text: str, form: AnswerForm = "line") -> str | None:
    r"""Return a solution as `Step 1: ...`, `Step 2: ...` and its answer in the asked form.

    Words before a first `Step 1` are dropped, since the format has no place for them. A solution that
    follows the format already is returned as it is.

    Args:
        text: The solution as written.
        form: Form of the answer: `Answer: x`, or `\boxed{x}` in the last line.

    Returns:
        The text; `None` where that can't be done: no answer is stated, no step leads to it, it holds a
        thinking block, which is not to be unlearnt, or its steps hold what the format gives another meaning.
    """
    if is_well_formed(text, form):
        return text.strip()
    thinking, found = split_steps(text)
    answer = extract_answer(text)
    if thinking is not None or answer is None or "\n" in answer:
        return None
    steps = list(found)
    while steps and (states_answer(steps[-1]) or _ONLY_A_BOX.fullmatch(steps[-1])):
        steps.pop()
    said = [_bare(step).replace(f"\\boxed{{{answer}}}", answer) for step in steps]
    lines = [f"Step {number}: {step}" for number, step in enumerate(said, 1)]
    closing = f"Answer: {answer}" if form == "line" else f"\\boxed{{{answer}}}"
    whole = "\n".join([*lines, closing])
    return whole if is_well_formed(whole, form) else None


def _bare(step: str) -> str:
    label = STEP_MARK.search(step)
    if label is not None:
        return bare_step(step[label.start() :]).strip()
    mark = _LIST_MARK.match(step)
    return (step[mark.end() :] if mark else step).strip()
