"""A column mapping: which columns of a table hold question, answer, level, subject."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import Field

from . import gold
from .config import Config
from .errors import InputError
from .records import Problem
from .store import parse_record

_LEVEL = re.compile(r"(?:level\s*)?(\d+)", re.IGNORECASE)
_UNREADABLE = {
    "marked": "has no line `#### answer`",
    "boxed": "has no closed \\boxed{...}",
    "aime": "is no integer from 0 to 999",
}


class Columns(Config):
    """Names of a table's columns; what the table does not have is left out."""

    question: str = Field(min_length=1)
    """The problem's text."""
    answer: str = Field(min_length=1)
    """What the reference answer is read from."""
    form: gold.GoldForm = "whole"
    """How it is read: `whole`, `marked` (GSM8K's `#### 42`), `boxed` (MATH's `\\boxed{42}`) or `aime`."""
    id: str | None = None
    """The problem's id, by which generations may name it; else it derives from question and answer."""
    level: str | None = None
    """Difficulty: 3 and `Level 3` are read; anything else is no level."""
    subject: str | None = None
    """Field of mathematics, by which losses are told apart."""
    licence: str | None = None
    """Of the row, where rows have licences of their own."""

    @property
    def named(self) -> dict[str, str]:
        """Columns that must be there, by what they hold."""
        fields = self.model_dump(exclude={"form"}, exclude_none=True)
        return {field: str(column) for field, column in fields.items()}

    def check(self, there: Iterable[str], where: str) -> None:
        """Refuse a table that lacks a column.

        Raises:
            InputError: Naming the column and those that there are.
        """
        known = list(dict.fromkeys(there))
        for field, column in self.named.items():
            if column not in known:
                listed = ", ".join(map(repr, known)) or "none"
                raise InputError(
                    f"{where}: no column {column!r} for {field}; there are {listed}",
                    hint="Name the right one under `columns`.",
                )

    def read(self, row: dict[str, Any], where: str, **given: Any) -> Problem:
        """Make a problem of a row.

        Args:
            row: By column.
            where: `file:line`, for messages.
            **given: Fields of the problem that the row does not hold: `source`, `split`, `licence`.

        Raises:
            InputError: Naming `where` and the column: empty, not a text or a number, no answer of this form.
        """
        question, answer = (_text(row, column, where) for column in (self.question, self.answer))
        if question is None:
            raise InputError(f"{where}: {self.question}: empty", hint="Every row needs a question.")
        if answer is None:
            raise InputError(f"{where}: {self.answer}: empty", hint="Every row needs a reference answer.")
        if (gold_answer := _read_answer(answer, self.form)) is None:
            raise InputError(
                f"{where}: {self.answer}: {_UNREADABLE[self.form]}", hint="Choose another `columns.form`."
            )
        fields: dict[str, Any] = {"question": question, "answer": gold_answer, **given}
        for field in ("id", "subject", "licence"):
            column: str | None = getattr(self, field)
            if column is not None and (text := _text(row, column, where)) is not None:
                fields[field] = text
        if self.level is not None:
            fields["level"] = read_level(row.get(self.level))
        known = {name: value for name, value in fields.items() if value is not None}
        return parse_record(known, Problem, where)


def read_level(value: Any) -> int | None:
    """Return a difficulty as a number; `Level ?` and names such as `hard` are none."""
    match = _LEVEL.fullmatch(str(value).strip().removesuffix(".0"))
    return int(match[1]) if match else None


def _read_answer(text: str, form: gold.GoldForm) -> str | None:
    if form == "marked":
        return gold.marked(text)
    if form == "boxed":
        return gold.boxed(text)
    return gold.aime(text) if form == "aime" else text


def _text(row: dict[str, Any], column: str, where: str) -> str | None:
    value = row.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where}: {column}: not a text or a number", hint="Give one value per row.")
    return str(value)
