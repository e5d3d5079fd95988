"""Repetition loops: text whose end says the same thing over and over.

Only verbatim repetition counts, step numbers aside; going round in circles in new words does not.
"""

import re
from typing import Any

COPIES = 4
"""Copies in a row that make a loop. Correct solutions do repeat a step, but not four times."""

LEAST = 48
"""Shortest looping stretch in characters, so that `1000000` or a row of dots is no loop."""

_TAIL = 1600
_REPEATED = LEAST * (COPIES - 1) // COPIES
_NUMBERING = re.compile(r"(?im)^([ \t]*(?:step[ \t]*)?)\d+(?=[ \t]*[:.)])")


def ends_in_loop(text: str) -> bool:
    """Return whether the text ends in at least `COPIES` copies of the same stretch.

    A loop often goes on counting its steps (`Step 7: ...`, `Step 8: ...`), so the numbers that
    open a line are left out of the comparison.
    """
    tail = _NUMBERING.sub(r"\1#", text[-_TAIL:])
    # Cheap, and true of every loop: its last three quarters stand there a period earlier too.
    if tail.find(tail[-_REPEATED:]) >= len(tail) - _REPEATED:
        return False
    for period in range(1, len(tail) // COPIES + 1):
        span = max(LEAST, period * COPIES)
        if span > len(tail):
            continue
        if tail[-span:-period] == tail[period - span :]:
            return True
    return False


def repeats(text: str) -> bool:
    """Return whether any start of the text can end in a loop: a cheap filter before looking at each."""
    plain = _NUMBERING.sub(r"\1#", text)
    seen: set[str] = set()
    for start in range(len(plain) - _REPEATED + 1):
        stretch = plain[start : start + _REPEATED]
        if stretch in seen:
            return True
        seen.add(stretch)
    return False


def looks_looped(tokens: Any, longest: int = 128, share: float = 0.75) -> Any:
    """Return which rows may end in a loop: a cheap filter before `ends_in_loop` reads the text.

    Args:
        tokens: Generated token ids, an integer tensor of shape (rows, length).
        longest: Longest period looked for, in tokens.
        share: Least share of tokens equal to the one a period earlier. Below 1, since the step
            numbers of a loop change.

    Returns:
        A boolean tensor of shape (rows,).
    """
    rows, length = tokens.shape
    found = tokens.new_zeros(rows).bool()
    for period in range(1, min(longest, length // COPIES) + 1):
        span = max(period * (COPIES - 1), 12)
        if span + period > length:
            continue
        same = tokens[:, -span:] == tokens[:, -span - period : -period]
        found |= same.float().mean(1) >= share
    return found
