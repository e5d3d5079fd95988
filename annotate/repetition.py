"""Repetition loops in finished text.

For text whose token ids are gone (a user's own generations); while generating, the engine sees the
tokens and stops earlier.
"""

import re

_TAIL_WORDS = 400
_GRAM = 8
_LOOP_SHARE = 0.5


def ends_in_a_loop(text: str) -> bool:
    """Tell whether the last 400 words of a text mostly repeat each other.

    Counts runs of 8 words that have stood in those 400 words before. In a loop most have, also
    when single words vary from round to round; in ordinary reasoning few have.
    """
    words = re.findall(r"\S+", text[-20 * _TAIL_WORDS :])[-_TAIL_WORDS:]
    if len(words) < _TAIL_WORDS // 2:
        return False
    grams = [tuple(words[i : i + _GRAM]) for i in range(len(words) - _GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) > _LOOP_SHARE
