"""Argilla's sort orders as columns of a SQL query on its own SQLite tables."""

from typing import Any
from uuid import UUID

from argilla_server.enums import SortOrder
from argilla_server.models import Dataset, Record, Response, Suggestion
from argilla_server.search_engine.base import (
    MetadataFilterScope,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
)
from conditions import RECORD_PROPERTIES, json_values, response_of, suggestion_of
from sqlalchemy import String, case, cast, func, select, true


def order_by(dataset: Dataset, sort: list[Any] | None, user_id: Any) -> list[Any]:
    """Return what to order records by: as asked, else as this user goes through them, else as they came.

    Every order is total, so that pages never overlap. Records without a value come last.

    Raises:
        ValueError: If it is none of Argilla's orders.
    """
    if sort:
        columns = [(_column(dataset, each.scope), each.order) for each in sort]
        return [
            *((col.desc() if order == SortOrder.desc else col.asc()).nulls_last() for col, order in columns),
            Record.id,
        ]
    return _order_of(user_id) if user_id is not None else [Record.inserted_at, Record.id]


def _column(dataset: Dataset, scope: Any) -> Any:
    if isinstance(scope, RecordFilterScope):
        return RECORD_PROPERTIES[str(getattr(scope.property, "value", scope.property))][0]
    if isinstance(scope, MetadataFilterScope):
        rows = json_values(Record.metadata_, scope.metadata_property)
        return select(func.min(rows.c.value)).select_from(rows).scalar_subquery()
    if isinstance(scope, SuggestionFilterScope):
        return _of_suggestion(dataset, scope).correlate(Record).scalar_subquery()
    if isinstance(scope, ResponseFilterScope):
        return _of_response(scope).correlate(Record).scalar_subquery()
    raise ValueError(f"cannot sort by {scope!r}")


def _of_suggestion(dataset: Dataset, scope: SuggestionFilterScope) -> Any:
    where = suggestion_of(dataset, scope.question)
    if scope.property in ("agent", "type"):
        return select(func.min(getattr(Suggestion, scope.property))).where(where)
    is_score = scope.property == "score"
    rows = json_values(Suggestion.score if is_score else Suggestion.value)
    chosen = func.avg(rows.c.value) if is_score else func.min(rows.c.value)
    return select(chosen).select_from(Suggestion).join(rows, true()).where(where)


def _of_response(scope: ResponseFilterScope) -> Any:
    where = response_of(scope.user)
    if not scope.question:
        return select(func.min(Response.status)).where(where)
    rows = json_values(Response.values, scope.question, "value")
    return select(func.min(rows.c.value)).select_from(Response).join(rows, true()).where(where)


def _order_of(user_id: Any) -> list[Any]:
    """An order of each reviewer's own, the same every time, so that they don't all answer the same first.

    Record ids are random (uuid4, stored as 32 hex digits): a slice of them that depends on the user, gone
    through from a point that depends on the user. Digits 1 to 8 of such an id are random.
    """
    seed = UUID(str(user_id)).hex
    key = func.substr(cast(Record.id, String), 1 + int(seed[:4], 16) % 5, 4)
    return [case((key < seed[4:8], 1), else_=0), key, Record.id]
