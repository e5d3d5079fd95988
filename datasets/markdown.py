"""Markdown that text from models, judges and files can't break out of.

`template` makes Jinja templates in which everything is escaped unless it is `Markdown` already.
"""

import re
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .showing import clip, harmless

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent / "templates"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$^@])")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])")
_TICKS = re.compile(r"`+")


class Markdown(str):
    """Text that is Markdown and stands as it is."""

    __slots__ = ()


def inline(value: object) -> Markdown:
    """Escape a value so that it reads as plain text in a paragraph or a table's cell."""
    if isinstance(value, Markdown):
        return value
    if isinstance(value, bool | int | float):
        return Markdown(value)
    text = " ".join(harmless(clip(str(value), 500)).split())
    # Bare addresses become links in GitHub's dialect.
    text = _LINK.sub(lambda match: f"{match[1]}\u2060", text)
    return Markdown(escape(_SPECIAL.sub(r"\\\1", text), quote=False))


def code(value: object) -> Markdown:
    """Show a value as code inside of a line."""
    text = " ".join(harmless(clip(str(value), 500)).split()).replace("|", "\u2502")
    fence = "`" * (1 + max((len(run[0]) for run in _TICKS.finditer(text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}")


def fenced(value: object, language: str = "text") -> Markdown:
    """Show a text as a block of code whose end it can't write itself."""
    text = harmless(str(value)).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run[0]) for run in _TICKS.finditer(text)), default=0))
    return Markdown(f"{fence}{language}\n{text}\n{fence}")


def template(name: str) -> "Template":
    """Return a template of this folder; what it prints is escaped by `inline`."""
    return _environment().get_template(name)


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        # Markdown has its own escaping; `finalize` does it.
        autoescape=False,
        finalize=inline,
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({"code": code, "fenced": fenced, "inline": inline})
    return environment
