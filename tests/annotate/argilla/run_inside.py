"""Run by the server's interpreter, not by ours: its storage and search engine, tried without a server.

    python run_inside.py INSIDE RECORDS PAGE

Makes a database in the current folder and prints, as JSON, what it found.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import uuid4

inside, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.environ.update(ARGILLA_HOME_PATH=".", ARGILLA_SEARCH_ENGINE="sql", HF_HUB_OFFLINE="1")
sys.path.insert(0, inside)

import storage  # noqa: E402
from argilla_server.contexts import accounts  # noqa: E402
from argilla_server.database import AsyncSessionLocal  # noqa: E402
from argilla_server.enums import DatasetStatus, SortOrder  # noqa: E402
from argilla_server.models import Dataset, Field, Record, User, Workspace  # noqa: E402
from argilla_server.search_engine.base import (  # noqa: E402
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    SearchEngine,
    TermsFilter,
)
from search_engine import SQLSearchEngine  # noqa: E402
from sqlalchemy import insert, select, text  # noqa: E402
from sqlalchemy.orm import selectinload  # noqa: E402


async def fill() -> Dataset:
    async with AsyncSessionLocal() as db:
        workspace = await Workspace.create(db, name="w")
        dataset = await Dataset.create(
            db,
            name="d",
            workspace_id=workspace.id,
            status=DatasetStatus.ready,
            distribution={"strategy": "overlap", "min_submitted": 1},
        )
        await Field.create(
            db,
            dataset_id=dataset.id,
            name="text",
            title="Text",
            settings={"type": "text", "use_markdown": True},
        )
        rows = [
            {
                "id": uuid4(),
                "dataset_id": dataset.id,
                "external_id": str(number),
                "fields": {"text": f"Solution {number}"},
                "metadata_": {"level": number % 7},
            }
            for number in range(count)
        ]
        await db.execute(insert(Record), rows)
        await db.commit()
        found = select(Dataset).where(Dataset.id == dataset.id).options(selectinload(Dataset.fields))
        return (await db.execute(found)).scalar_one()


async def pages(engine: SQLSearchEngine, dataset: Dataset, **query: object) -> list[int]:
    numbers: list[int] = []
    offset = 0
    async with AsyncSessionLocal() as db:
        while True:
            found = await engine.search(dataset, offset=offset, limit=size, **query)
            if not found.items:
                assert found.total == len(numbers)
                return numbers
            ids = [item.record_id for item in found.items]
            named = dict(
                (await db.execute(select(Record.id, Record.external_id).where(Record.id.in_(ids)))).all()
            )
            numbers += [int(named[each]) for each in ids]
            offset += size


async def owners() -> list[dict[str, object]]:
    """Who the owner is after each of two files of credentials, and the second again."""
    seen: list[dict[str, object]] = []
    for name in ("first", "second", "second"):
        path = Path("credentials.json")
        path.write_text(json.dumps({"username": "owner", "password": f"{name} password", "api_key": name}))
        await storage.ensure_owner(path)
        async with AsyncSessionLocal() as db:
            users = (await db.execute(select(User))).scalars().all()
            known = {f"{each} password": False for each in ("first", "second")}
            for password in known:
                known[password] = accounts.verify_password(password, users[0].password_hash)
            seen.append(
                {"keys": [user.api_key for user in users], "accepted": [k for k, v in known.items() if v]}
            )
    return seen


async def main() -> None:
    storage.migrate()
    credentials = await owners()
    dataset = await fill()
    async with SearchEngine.get_by_name("sql") as engine:
        assert await engine.ping()
        level = MetadataFilterScope("level")
        orders = {
            "as_they_came": await pages(engine, dataset),
            "one_reviewer": await pages(engine, dataset, user_id=uuid4()),
            "another": await pages(engine, dataset, user_id=uuid4()),
            "by_level": await pages(engine, dataset, sort=[Order(level, SortOrder.desc)]),
            "by_time": await pages(
                engine, dataset, sort=[Order(RecordFilterScope("inserted_at"), SortOrder.asc)]
            ),
            "of_level_3": await pages(engine, dataset, filter=TermsFilter(level, ["3"])),
            "above_4": await pages(engine, dataset, filter=RangeFilter(level, ge=4.5), user_id=uuid4()),
            "with_99": await pages(engine, dataset, query="99"),
        }
        progress = await engine.get_dataset_progress(dataset)
    async with AsyncSessionLocal() as db:
        mode = (await db.execute(text("PRAGMA journal_mode"))).scalar()
        synchronous = (await db.execute(text("PRAGMA synchronous"))).scalar()
    settings = {"journal": mode, "synchronous": synchronous}
    print(json.dumps({"orders": orders, "progress": progress, "owners": credentials, **settings}))


asyncio.run(main())
