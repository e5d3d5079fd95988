"""Looking for what must never be published: keys, e-mail addresses, names of reviewers.

Found is what looks like one. Errors name the place and the kind, never what was found.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from .errors import LeakError
from .records import Record
from .subsets import Part

_KINDS: Mapping[str, re.Pattern[str]] = {
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{16,}"),
    "an API key": re.compile(r"\b(?:sk|pk|rk|gsk|xai)-[A-Za-z0-9_-]{16,}|\bAIza[A-Za-z0-9_-]{30,}"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."),
    "a password or key": re.compile(
        r"(?i)\b(?:api[_-]?key|secret|passw(?:or)?d|access[_-]?token|auth(?:orization)?|bearer)\b"
        r"[\"']?\s*[:=]?\s*(?:bearer\s+)?[\"']?(?=[A-Za-z_+/.-]*\d)[A-Za-z0-9_+/.-]{16,}"
    ),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@"),
    "an e-mail address": re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
}
_SECRET_NAMES = re.compile(r"(?i)key|token|secret|passw")
_SHORTEST_SECRET = 8


def check_leaks(
    parts: Sequence[Part],
    texts: Mapping[str, str],
    names: Collection[str] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Refuse to publish what looks like a key, an e-mail address or a reviewer's name.

    Args:
        parts: All rows; every text in every column is looked at.
        texts: Other files by path.
        names: What must not occur: names of reviewers, as words, in any case.
        environment: Variables whose values must not occur if their names speak of keys; those of the
            process when left out.

    Raises:
        LeakError: Naming file, row and column, or file and line.
    """
    looking = _Looking(names, os.environ if environment is None else environment)
    for part in parts:
        for number, row in enumerate(part.rows):
            for column, text in _texts(row):
                if kind := looking.kind(text):
                    raise _leak(f"{part.path}, row {number}, column {column}", kind)
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if kind := looking.kind(line):
                raise _leak(f"{path}, line {number}", kind)


class _Looking:
    def __init__(self, names: Collection[str], environment: Mapping[str, str]) -> None:
        self._secrets = [
            value
            for name, value in environment.items()
            if _SECRET_NAMES.search(name) and len(value) >= _SHORTEST_SECRET and not value.isalpha()
        ]
        written = [re.escape(name.strip()) for name in names if name.strip()]
        self._names = (
            re.compile(rf"(?i)(?<!\w)(?:{'|'.join(sorted(written, key=len, reverse=True))})(?!\w)")
            if written
            else None
        )

    def kind(self, text: str) -> str | None:
        """Say what a text looks like it holds."""
        for kind, pattern in _KINDS.items():
            if pattern.search(text):
                return kind
        if any(secret in text for secret in self._secrets):
            return "a key of this machine's environment"
        return "a reviewer's name" if self._names is not None and self._names.search(text) else None


def _texts(row: Record) -> Iterator[tuple[str, str]]:
    for column, value in row.model_dump(mode="json").items():
        for text in _inside(value):
            yield column, text


def _inside(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _inside(inner)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _inside(inner)  # pyright: ignore[reportUnknownArgumentType]


def _leak(place: str, kind: str) -> LeakError:
    return LeakError(
        f"{place}: looks like {kind}; nothing was published",
        hint="Take it out of the run's records, or leave that problem out.",
    )
