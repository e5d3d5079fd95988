"""Texts for a database that can't hold all of them.

PostgreSQL takes no NUL. What an endpoint sends may have some, and is to come back as it came.
"""

_MARK = "\x1a"
_ESCAPES = {_MARK: f"{_MARK}1", "\0": f"{_MARK}0"}


def escaped(text: str) -> str:
    """Write a text without NUL."""
    if _MARK not in text and "\0" not in text:
        return text
    return text.translate(str.maketrans(_ESCAPES))


def unescaped(text: str) -> str:
    """Read what `escaped` wrote."""
    if _MARK not in text:
        return text
    return text.replace(f"{_MARK}0", "\0").replace(f"{_MARK}1", _MARK)
