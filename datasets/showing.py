"""Untrusted text as people are shown it: what can't be seen becomes visible, what nobody reads is cut."""

import unicodedata

# Fillers that are letters or symbols by category and are drawn as nothing.
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Controls, formats (zero-width, directional), surrogates, private and unassigned, and line separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_hidden(char: str) -> bool:
    """Tell whether a character can't be seen, or makes others read otherwise than they are stored.

    Line ends and tabs count as seen; other white space does too.
    """
    if " " <= char <= "~" or char in "\n\t":
        return False
    return unicodedata.category(char) in _HIDDEN or char in _FILLERS


def harmless(text: str) -> str:
    """Replace characters that can't be seen or that reorder others; keep line ends and tabs."""
    return "".join(_visible(char) if is_hidden(char) else char for char in text.replace("\r\n", "\n"))


def clip(text: str, most: int = 1200) -> str:
    """Cut a text that no one would read to the end, and say how much is missing."""
    if len(text) <= most:
        return text
    return f"{text[:most].rstrip()} … ({len(text) - most:,} more characters)"


def _visible(char: str) -> str:
    return chr(0x2400 + ord(char)) if ord(char) < 0x20 else "\ufffd"
