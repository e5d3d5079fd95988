"""Argilla's filters and text queries as conditions of a SQL query on its own SQLite tables.

Every value, name and word that comes from outside is bound as a parameter.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from argilla_server.enums import RecordStatus, ResponseStatus, ResponseStatusFilter, SuggestionType
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.models import Dataset, Question, Record, Response, Suggestion, User
from argilla_server.search_engine.base import (
    AndFilter,
    MetadataFilterScope,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
    TextQuery,
)
from sqlalchemy import String, and_, cast, exists, false, func, not_, or_, select, true

_WORD = re.compile(r'(-?)"([^"]*)"|(-?)(\S+)')
_MOST_WORDS = 32
"""Words of one query that count: SQLite bounds the depth of an expression."""


def condition(dataset: Dataset, filter: Any) -> Any:
    """Return a filter as a condition on `Record`.

    Raises:
        ValueError: If it is none of Argilla's filters.
        UnprocessableEntityError: If a bound is no number or no date.
    """
    if isinstance(filter, AndFilter):
        return and_(true(), *[condition(dataset, part) for part in filter.filters])
    scope = filter.scope
    if isinstance(scope, RecordFilterScope):
        column, convert = RECORD_PROPERTIES[_name(scope.property)]
        return _column_matches(column, filter, convert)
    if isinstance(scope, MetadataFilterScope):
        return _json_matches(json_values(Record.metadata_, scope.metadata_property), filter)
    if isinstance(scope, SuggestionFilterScope):
        return _suggestion_matches(dataset, scope, filter)
    if isinstance(scope, ResponseFilterScope):
        if scope.question:
            answered = _json_matches(json_values(Response.values, scope.question, "value"), filter)
            return _has_response(scope.user, answered)
        if scope.property == "status" and isinstance(filter, TermsFilter):
            return _status_matches(scope.user, filter.values)
    raise ValueError(f"cannot process filter scope {scope!r}")


def text_condition(dataset: Dataset, query: TextQuery | str | None) -> Any:
    """Return a text query as a condition on `Record`.

    Words must all be there, in any of the fields; "a phrase" is kept, `-word` excludes, `|` separates
    alternatives. Matching is by substring, and case counts outside ASCII.
    """
    if query is None:
        return true()
    text, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    fields = [each.name for each in dataset.fields if not each.is_image and field in (None, each.name)]
    alternatives: list[Any] = []
    left = _MOST_WORDS
    for part in text.split("|"):
        clauses: list[Any] = []
        for minus_phrase, phrase, minus, word in _WORD.findall(part)[:left]:
            needle = phrase or word.strip('+-*"()')
            if needle:
                found = _contains(fields, needle)
                clauses.append(not_(found) if minus_phrase or minus else found)
        left -= len(clauses)
        if clauses:
            alternatives.append(and_(*clauses))
    return or_(*alternatives) if alternatives else true()


def json_values(column: Any, *keys: str) -> Any:
    """Return the scalars at a JSON path as rows: one for a scalar, one per element of a list.

    Raises:
        ValueError: If a key can't be part of a path of SQLite; Argilla allows no such names.
    """
    if any('"' in key or "\\" in key for key in keys):
        raise ValueError(f"names with quotes or backslashes can't be searched: {keys!r}")
    path = "$" + "".join(f'."{key}"' for key in keys)
    return func.json_each(column, path).table_valued("value", "type")


def suggestion_of(dataset: Dataset, question: str) -> Any:
    """Return the condition that a suggestion is for this question and the record at hand."""
    asked = select(Question.id).where(Question.dataset_id == dataset.id, Question.name == question)
    return and_(Suggestion.record_id == Record.id, Suggestion.question_id.in_(asked))


def response_of(user: User | None) -> Any:
    """Return the condition that a response is to the record at hand, by this user or by anyone."""
    return and_(Response.record_id == Record.id, true() if user is None else Response.user_id == user.id)


def _contains(fields: list[str], needle: str) -> Any:
    """Any string in any of these fields, which may be trees (a chat is a list of messages)."""
    trees = [func.json_tree(Record.fields, f'$."{name}"').table_valued("value", "type") for name in fields]
    # Not LIKE: its patterns have a longest length, and characters that mean something.
    return or_(
        false(),
        *[
            exists(
                select(1)
                .select_from(tree)
                .where(tree.c.type == "text", func.instr(func.lower(tree.c.value), func.lower(needle)) > 0)
            )
            for tree in trees
        ],
    )


def _suggestion_matches(dataset: Dataset, scope: SuggestionFilterScope, filter: Any) -> Any:
    if scope.property == "agent":
        inner = _column_matches(Suggestion.agent, filter, str)
    elif scope.property == "type":
        inner = _column_matches(Suggestion.type, filter, _member(SuggestionType))
    else:
        column = Suggestion.score if scope.property == "score" else Suggestion.value
        inner = _json_matches(json_values(column), filter)
    of_question = suggestion_of(dataset, scope.question)
    return exists(select(1).select_from(Suggestion).where(of_question, inner).correlate(Record))


def _status_matches(user: User | None, values: Iterable[Any]) -> Any:
    """Pending is who has not answered at all: Argilla stores no response for it."""
    values = list(values)
    if not values:
        return true() if user is None else _has_response(user, true())
    statuses = [status for status in map(_member(ResponseStatus), values) if status is not None]
    clauses = [_has_response(user, Response.status.in_(statuses))] if statuses else []
    if ResponseStatusFilter.pending in values:
        clauses.append(not_(_has_response(user, true())))
    return or_(false(), *clauses)


def _has_response(user: User | None, inner: Any) -> Any:
    return exists(select(1).select_from(Response).where(response_of(user), inner).correlate(Record))


def _json_matches(rows: Any, filter: Any) -> Any:
    value = rows.c.value
    if isinstance(filter, TermsFilter):
        inner = cast(value, String).in_([str(each) for each in filter.values])
    elif isinstance(filter, RangeFilter):
        # A text is no number, though SQLite would make it one.
        inner = and_(rows.c.type.in_(("integer", "real")), *_bounds(value, filter, float))
    else:
        raise ValueError(f"cannot process filter {filter!r}")
    return exists(select(1).select_from(rows).where(inner))


def _column_matches(column: Any, filter: Any, convert: Callable[[Any], Any]) -> Any:
    if isinstance(filter, TermsFilter):
        return column.in_([each for each in map(convert, filter.values) if each is not None])
    if isinstance(filter, RangeFilter):
        return and_(true(), *_bounds(column, filter, convert))
    raise ValueError(f"cannot process filter {filter!r}")


def _bounds(value: Any, filter: RangeFilter, convert: Callable[[Any], Any]) -> list[Any]:
    def bound(given: Any) -> Any:
        try:
            return convert(given)
        except (ValueError, OverflowError, OSError) as error:
            raise UnprocessableEntityError(f"not a bound of a range: {given!r}") from error

    clauses: list[Any] = []
    if filter.ge is not None:
        clauses.append(value >= bound(filter.ge))
    if filter.le is not None:
        clauses.append(value <= bound(filter.le))
    return clauses


def _name(prop: Any) -> str:
    return str(getattr(prop, "value", prop))


def _member(enum: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        try:
            return enum(value)
        except ValueError:
            return None

    return convert


def _moment(value: Any) -> datetime:
    """Argilla stores naive UTC; a number is milliseconds since 1970."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
    parsed = datetime.fromisoformat(str(value))
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed


RECORD_PROPERTIES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "id": (Record.id, _member(lambda value: UUID(str(value)))),
    "external_id": (Record.external_id, str),
    "status": (Record.status, _member(RecordStatus)),
    "inserted_at": (Record.inserted_at, _moment),
    "updated_at": (Record.updated_at, _moment),
}
"""Column of each property of a record, and what a value from outside becomes for it."""
