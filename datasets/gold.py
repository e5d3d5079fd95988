r"""Reference answers: how problem sets write the answer that counts, and how it is read.

GSM8K ends its solution in a line `#### 42`, MATH puts it in the last `\boxed{...}` of its solution, AIME's is
an integer from 0 to 999. Whether a model's answer equals it is `annotate.grading`.
"""

import re
from typing import Any, Literal

GoldForm = Literal["whole", "marked", "boxed", "aime"]
"""`whole`: the column is the answer; `marked`: what follows the last `####`; `boxed`: the inside of the last
`\\boxed{...}`; `aime`: an integer from 0 to 999, leading zeros dropped."""

_MARKED = re.compile(r"^####[ \t]*(\S[^\n]*?)[ \t]*$", re.MULTILINE)
_BOX = re.compile(r"\\(?:boxed|fbox)(?:\s*(?P<open>\{)|\s+(?P<bare>[^\s${}\\.,]+))")
_BRACE = re.compile(r"\\[{}\\]|[{}]")
_AIME_LARGEST = 999


def marked(text: str) -> str | None:
    """Return what follows the last `####` at the start of a line, or `None`."""
    found = _MARKED.findall(text)
    return found[-1] if found else None


def boxed(solution: str) -> str | None:
    r"""Return the inside of the last closed `\boxed{...}` or `\fbox{...}`, or `None`.

    Braces inside are counted, escaped ones (`\{`) aside; MATH's `\boxed 5` is read as well.
    """
    for box in reversed(list(_BOX.finditer(solution))):
        if box["bare"]:
            return box["bare"]
        depth = 1
        for brace in _BRACE.finditer(solution, box.end()):
            depth += (brace[0] == "{") - (brace[0] == "}")
            if not depth:
                return solution[box.end() : brace.start()].strip() or None
    return None


def aime(value: Any) -> str | None:
    """Return an integer from 0 to 999 in plain digits (`025` and `25.0` are 25), or `None`."""
    text = str(value).strip().strip("$").removesuffix(".0")
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or len(text) > 4:
        return None
    return str(int(text)) if int(text) <= _AIME_LARGEST else None
