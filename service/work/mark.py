"""The mark of a folder of runs: a file that tells it from every other, under whichever path it is reached."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

MARK = ".firstfault-runs"
_MARK = re.compile(r"[A-Za-z0-9-]{1,64}")


def read_mark(folder: Path) -> str | None:
    """Return a folder's mark; `None` where it has none, or one that can't be read."""
    try:
        text = (folder / MARK).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if _MARK.fullmatch(text) else None


def make_mark(folder: Path) -> str | None:
    """Mark a folder, unless somebody else has; return its mark, `None` where it can't be written to."""
    temporary = folder / f"{MARK}.{secrets.token_hex(4)}"
    with suppress(OSError):
        try:
            with temporary.open("x", encoding="ascii") as file:
                file.write(f"{secrets.token_hex(8)}\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            # Whole from the start, and only if there is none: of those who make it together, one does.
            (folder / MARK).hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    return read_mark(folder)
