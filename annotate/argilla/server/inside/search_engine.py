"""An Argilla search engine that is Argilla's own SQLite database, so that no Elasticsearch has to run.

Argilla keeps every record, response, suggestion, metadata value and vector in its database and copies them
to the search engine. Here nothing is copied, so nothing can fall out of step: what would update an index
does nothing, and what would read one reads the tables. SQLite only; not made for a million records.

Registered as `sql` when imported; Argilla takes it by `ARGILLA_SEARCH_ENGINE=sql`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy
from argilla_server.database import AsyncSessionLocal, async_engine
from argilla_server.enums import MetadataPropertyType, SimilarityOrder
from argilla_server.models import Dataset, MetadataProperty, Record, Response, User, Vector, VectorSettings
from argilla_server.search_engine.base import (
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
    TextQuery,
)
from conditions import condition, json_values, text_condition
from ordering import order_by
from sqlalchemy import String, and_, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession, async_object_session

NAME = "sql"


@asynccontextmanager
async def _session(owner: Any) -> AsyncGenerator[AsyncSession, None]:
    # The request's own where the object still has one: waiting for a second connection while holding the
    # first could leave every request waiting.
    session = async_object_session(owner)
    if session is not None:
        yield session
    else:
        async with AsyncSessionLocal() as session:
            yield session


@SearchEngine.register(NAME)
class SQLSearchEngine(SearchEngine):
    """Answers from the database; see the module."""

    @classmethod
    async def new_instance(cls) -> "SQLSearchEngine":
        """Return an engine; there is nothing to connect to."""
        return cls()

    async def close(self) -> None:
        """Do nothing: connections belong to Argilla's pool."""

    async def ping(self) -> bool:
        """Return whether the database answers."""
        async with AsyncSessionLocal() as db:
            return (await db.execute(select(1))).scalar() == 1

    async def info(self) -> dict[str, Any]:
        """Return what Argilla shows of its search engine."""
        return {"name": NAME, "version": {"number": "0"}, "dialect": async_engine.dialect.name}

    async def _nothing(self, *_: Any, **__: Any) -> None:
        """Keep no copy."""

    create_index = delete_index = _nothing
    configure_metadata_property = configure_index_vectors = _nothing
    index_records = partial_record_update = delete_records = set_records_vectors = _nothing
    update_record_response = delete_record_response = _nothing
    update_record_suggestion = delete_record_suggestion = _nothing

    async def get_dataset_progress(self, dataset: Dataset) -> dict[str, int]:
        """Return the number of records of each status, and `total`."""
        query = select(Record.status, func.count()).where(Record.dataset_id == dataset.id)
        return await _counts(dataset, query.group_by(Record.status))

    async def get_dataset_user_progress(self, dataset: Dataset, user: User) -> dict[str, int]:
        """Return the number of this user's responses of each status, and `total`."""
        query = (
            select(Response.status, func.count())
            .join(Record, Record.id == Response.record_id)
            .where(Record.dataset_id == dataset.id, Response.user_id == user.id)
        )
        return await _counts(dataset, query.group_by(Response.status))

    async def search(
        self,
        dataset: Dataset,
        query: TextQuery | str | None = None,
        filter: Any = None,
        sort: list[Any] | None = None,
        offset: int = 0,
        limit: int = 100,
        # Not in the abstract class of 2.8.0, but passed by the server.
        user_id: Any = None,
    ) -> SearchResponses:
        """Return one page of the records that match, in order, and how many match in all."""
        where = _matching(dataset, query, filter)
        order = order_by(dataset, sort, user_id)
        async with _session(dataset) as db:
            total = (await db.execute(select(func.count()).select_from(Record).where(where))).scalar_one()
            page = select(Record.id).where(where).order_by(*order).offset(offset).limit(limit)
            items = [SearchResponseItem(record_id=each) for each in (await db.execute(page)).scalars()]
        return SearchResponses(items=items, total=total)

    async def compute_metrics_for(self, metadata_property: MetadataProperty) -> Any:
        """Return how often each term occurs, or the smallest and largest number."""
        rows = json_values(Record.metadata_, metadata_property.name)
        known = and_(Record.dataset_id == metadata_property.dataset_id, rows.c.value.is_not(None))
        async with _session(metadata_property) as db:
            if metadata_property.type == MetadataPropertyType.terms:
                term = cast(rows.c.value, String)
                query = select(term, func.count()).select_from(Record).join(rows, true()).where(known)
                found = await db.execute(query.group_by(term).order_by(func.count().desc(), term))
                values = [TermsMetrics.TermCount(term=term, count=count) for term, count in found]
                return TermsMetrics(total=sum(each.count for each in values), values=values)
            ends = select(func.min(rows.c.value), func.max(rows.c.value)).select_from(Record)
            low, high = (await db.execute(ends.join(rows, true()).where(known))).one()
        if metadata_property.type == MetadataPropertyType.integer:
            return IntegerMetadataMetrics(min=low, max=high)
        return FloatMetadataMetrics(min=low, max=high)

    async def similarity_search(
        self,
        dataset: Dataset,
        vector_settings: VectorSettings,
        value: list[float] | None = None,
        record: Record | None = None,
        query: TextQuery | str | None = None,
        filter: Any = None,
        max_results: int = 100,
        order: SimilarityOrder = SimilarityOrder.most_similar,
        threshold: float | None = None,
    ) -> SearchResponses:
        """Return the records whose vectors are closest to this one, or farthest from it.

        Scores are (1 + cosine) / 2, in [0, 1], as Elasticsearch gives them.

        Raises:
            ValueError: If there is no vector to compare with, or both are given.
        """
        if bool(value) == bool(record):
            raise ValueError("Must provide either vector value or record to compute the similarity search")
        wanted = value if record is None else record.vector_value_by_vector_settings(vector_settings)
        if not wanted:
            raise ValueError("Cannot find a vector value to apply with provided info")
        where = and_(_matching(dataset, query, filter), Vector.vector_settings_id == vector_settings.id)
        if record is not None:
            where = and_(where, Record.id != record.id)
        async with _session(dataset) as db:
            vectors = select(Record.id, Vector.value).join(Vector, Vector.record_id == Record.id)
            rows = (await db.execute(vectors.where(where).order_by(Record.id))).all()
        if not rows:
            return SearchResponses(items=[], total=0)
        scores = _closeness(rows, wanted)
        if order == SimilarityOrder.least_similar:
            scores = 1 - scores
        best = numpy.argsort(-scores, kind="stable")[:max_results]
        items = [
            SearchResponseItem(record_id=rows[at][0], score=float(scores[at]))
            for at in best
            if threshold is None or scores[at] >= threshold
        ]
        return SearchResponses(items=items, total=len(items))


def _matching(dataset: Dataset, query: TextQuery | str | None, filter: Any) -> Any:
    where = and_(Record.dataset_id == dataset.id, text_condition(dataset, query))
    return and_(where, condition(dataset, filter)) if filter else where


async def _counts(dataset: Dataset, query: Any) -> dict[str, int]:
    if dataset.is_draft:
        return {}
    async with _session(dataset) as db:
        counts = {str(status.value): count for status, count in await db.execute(query)}
    return {"total": sum(counts.values()), **counts}


def _closeness(rows: Any, wanted: list[float]) -> Any:
    matrix, target = numpy.asarray([row[1] for row in rows], dtype=float), numpy.asarray(wanted, dtype=float)
    norms = numpy.linalg.norm(matrix, axis=1) * numpy.linalg.norm(target)
    return (1 + matrix @ target / numpy.where(norms == 0, 1, norms)) / 2
