"""A JSON array, cut into elements without reading them: however large it is, one is in memory at a time."""

import re
from collections.abc import Generator, Iterator
from typing import IO

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[(?=\s*\{)")
"""Of an array of objects. (A line that is an array of something else is a line like others.)"""
_LOOKED_AT = 4096
_PIECE = 1 << 20
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BETWEEN = re.compile(rb'(?:[^",\[\]{}]++|%s)*+' % _TEXT, re.DOTALL)
_WITHIN = re.compile(rb'(?:[^"\[\]{}]++|%s)*+' % _TEXT, re.DOTALL)
_IN_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""What may be passed over: between elements, within one, and in a text that a piece of the file cuts."""


def begins_array(file: IO[bytes]) -> bool:
    """Whether a file is an array of objects; it is then read up to its first element, else not at all."""
    found = _START.match(file.read(_LOOKED_AT))
    file.seek(found.end() if found else 0)
    return found is not None


def elements(file: IO[bytes], most: int) -> Generator[bytes | None]:
    """Yield the elements of an array, as they stand there, and what follows its end.

    Args:
        file: Read up to the first element.
        most: Bytes of the largest; `None` is yielded for one that is larger.
    """
    element, is_long = bytearray(), False
    for part, ends in _parts(file):
        if not is_long:
            element += part
            is_long = len(element) > most
        if ends:
            yield None if is_long else bytes(element)
            element.clear()
            is_long = False
    if is_long or element:
        yield None if is_long else bytes(element)


def _parts(file: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield parts of elements, and with each whether its element ends there."""
    depth, is_text, is_over, is_escaped = 0, False, False, False
    while piece := file.read(_PIECE):
        start, at = 0, int(is_escaped)
        is_escaped = False
        while not is_over:
            at = _after(_IN_TEXT if is_text else _WITHIN if depth else _BETWEEN, piece, at)
            if at >= len(piece):
                break
            mark, at = piece[at : at + 1], at + 1
            match mark:
                case b"\\":
                    is_escaped = True
                case b'"':
                    is_text = not is_text
                case b"[" | b"{":
                    depth += 1
                case b"]" | b"}" if depth:
                    depth -= 1
                case _:
                    yield piece[start : at - 1], True
                    start, is_over = at, mark != b","
        yield piece[start:], False


def _after(passed: re.Pattern[bytes], piece: bytes, at: int) -> int:
    found = passed.match(piece, at)
    # It may be nothing, which is found everywhere.
    assert found is not None
    return found.end()
