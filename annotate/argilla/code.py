"""What in a model's text is code that Argilla can show: between backticks, in a line or as a block."""

import re

from ...datasets.showing import is_hidden
from ..maths import OWN_SPACES

_RUN = re.compile(r"`+")
_OPENING = re.compile(r"(`{3,})[\w+#.-]*[^\S\n]*\n")
_CLOSING = re.compile(r"^ {0,3}(`{3,})[~`]*[^\S\n]*$", re.MULTILINE)


class Code:
    """Finds code in a text, from its start to its end.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._unclosed: float = float("inf")
        """Backticks of a block that nothing closes; one that opens later with as many isn't closed either."""

    def end(self, start: int) -> int | None:
        """Return where the code ends that begins with the backticks here; `None` if none does.

        Code that nothing closes is none, and neither is code with characters that can't be seen: nothing in
        code could show them.

        Args:
            start: Index of the first of some backticks; not before that of the last call.
        """
        if not self.is_block(start):
            return self._end_in_line(start)
        end = self._end_of_block(start)
        return end if end is not None and _is_plain(self._text[start:end]) else None

    def is_block(self, start: int) -> bool:
        """Tell whether the backticks here open a block, whether or not something closes it."""
        line = self._text.rfind("\n", 0, start) + 1
        return self._text[line:start] in ("", " ", "  ", "   ") and bool(_OPENING.match(self._text, start))

    def _end_of_block(self, start: int) -> int | None:
        opening = _OPENING.match(self._text, start)
        assert opening is not None
        if len(opening[1]) >= self._unclosed:
            return None
        for closing in _CLOSING.finditer(self._text, opening.end()):
            if len(closing[1]) >= len(opening[1]):
                return closing.end()
        self._unclosed = len(opening[1])
        return None

    def _end_in_line(self, start: int) -> int | None:
        run = _RUN.match(self._text, start)
        assert run is not None
        line_end = self._text.find("\n", start)
        for closing in _RUN.finditer(self._text, run.end(), line_end if line_end >= 0 else len(self._text)):
            if len(closing[0]) == len(run[0]):
                inside = self._text[run.end() : closing.start()]
                # Argilla looks for links and their definitions before it looks for code.
                is_link = "](" in inside or "]:" in inside
                is_code = _is_plain(inside) and not inside.isspace() and not is_link
                return closing.end() if is_code else None
        return None


def _is_plain(code: str) -> bool:
    return not any(is_hidden(char) or char in OWN_SPACES for char in code)
