"""The database: made and brought up to date, on both kinds."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from firstfault.datasets.errors import ConfigError
from firstfault.service.store.database import Database
from firstfault.service.store.keys import listed
from firstfault.service.store.tables import Base, Item, Task, Vote
from postgres import Postgres
from sqlalchemy import create_engine, delete, inspect, make_url, select, text


def test_migrations_make_the_tables_and_run_twice(url: str):
    database = Database(url)
    database.migrate()
    database.migrate()
    ours = set(Base.metadata.tables)

    def is_ours(name: str | None, kind: str, parents: object) -> bool:
        return kind != "table" or name in ours

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_an_older_database_keeps_what_it_holds_and_knows_what_keys_have_spent(url: str):
    import firstfault.service.store.migrations as migrations
    from alembic import command
    from alembic.config import Config

    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        for key in ("a", "b"):
            connection.execute(
                text(
                    "INSERT INTO keys (id, name, scope, digest, created_at)"
                    f" VALUES ('{key}', 'x', 'judge', '', CURRENT_TIMESTAMP)"
                )
            )
        columns = {one["name"]: one for one in inspect(connection).get_columns("jobs")}
        needed = {name: "0" for name, one in columns.items() if not one["nullable"]}
        for number, (key, usd) in enumerate((("'a'", 0.25), ("'a'", 0.5), ("NULL", 1))):
            row = {**needed, "id": f"'{number}'", "key_id": key, "usd": str(usd)}
            row |= {"name": "''", "panel": "''", "judges": "'{}'", "state": "'done'"}
            row |= {"created_at": "CURRENT_TIMESTAMP"}
            names, values = ", ".join(row), ", ".join(row.values())
            connection.execute(text(f"INSERT INTO jobs ({names}) VALUES ({values})"))
        connection.execute(
            text("INSERT INTO items (id, job_id, number, name, row) VALUES (7, '0', 0, 'one', '{}')")
        )
        connection.execute(
            text("INSERT INTO votes (item_id, place, judge, status) VALUES (7, 0, 'j', 'clean')")
        )
    database.migrate()
    with database.session() as session:
        assert [(key.id, key.spent_usd) for key in listed(session)] == [("a", 0.75), ("b", 0.0)]
        assert [vote.item_id for vote in session.scalars(select(Vote))] == [7]
        # What belongs together still goes together.
        session.execute(delete(Item))
        assert session.scalars(select(Vote)).all() == []
    database.close()


def test_commands_in_lines_that_are_gone_end_with_a_reason(url: str):
    import firstfault.service.store.migrations as migrations
    from alembic import command
    from alembic.config import Config

    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for state in ("queued", "done"):
            connection.execute(
                text(
                    "INSERT INTO tasks (id, run, action, options, state, created_at)"
                    f" VALUES ('{state}', 'r', 'pull', '{{}}', '{state}', CURRENT_TIMESTAMP)"
                )
            )
    database.migrate()
    with database.session() as session:
        found = {one.id: (one.state, one.reason) for one in session.scalars(select(Task))}
    assert found["done"] == ("done", None)
    assert found["queued"][0] == "failed"
    assert "start it again" in (found["queued"][1] or "")
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(url: str):
    database = Database(url)
    database.migrate()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError) as raised:
        database.migrate()
    assert "newer" in raised.value.hint
    database.close()


@pytest.mark.parametrize("url", ["mysql://u@h/d", "nonsense", "postgresql://", "sqlite://", ""])
def test_no_other_database_is_taken(url: str):
    with pytest.raises(ConfigError, match="--db"):
        Database(url)


def test_one_that_does_not_answer_is_one_line_without_its_password():
    with pytest.raises(ConfigError) as raised:
        Database("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_change_that_fails_leaves_nothing(url: str):
    from firstfault.service.store.keys import make
    from firstfault.service.store.scope import Scope

    database = Database(url)
    database.migrate()

    def fail() -> None:
        with database.session() as session:
            make(session, "x", Scope.READ)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.session() as session:
        assert listed(session) == []
    database.close()


def test_a_folder_for_the_file_is_made(tmp_path: Path):
    path = tmp_path / "a" / "b.sqlite"
    Database(f"sqlite:///{path}").close()
    assert path.parent.is_dir()


def test_several_may_migrate_at_the_same_time(url: str):
    # Processes, as a service and commands beside it are.
    script = (
        "import sys; from firstfault.service.store.database import Database; Database(sys.argv[1]).migrate()"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [one.communicate()[1] for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], said


def test_times_are_in_utc_whatever_the_zone_of_the_server(url: str):
    from firstfault.service.store.keys import listed, make
    from firstfault.service.store.scope import Scope

    zone = "" if url.startswith("sqlite") else "?options=-c%20timezone%3DAsia/Kolkata"
    database = Database(url + zone)
    database.migrate()
    with database.session() as session:
        before = make(session, "k", Scope.READ).key.created_at
    with database.session() as session:
        (key,) = listed(session)
        assert database.time(session).utcoffset() == timedelta(0)
    assert key.created_at == before
    assert key.created_at.utcoffset() == timedelta(0)
    database.close()


def test_a_server_that_is_gone_without_a_word_is_noticed_and_so_is_who_asks_it(postgres: Postgres | None):
    if postgres is None:
        pytest.skip("PostgreSQL is not installed")
    database = Database(f"{postgres.database()}?keepalives_count=7&options=-c%20work_mem%3D1MB")
    # The queue of a worker makes connections of its own.
    queue = create_engine(make_url(database.queue_url).set(drivername="postgresql+psycopg"))
    for engine in (database.engine, queue):
        with engine.connect() as connection:
            told = connection.connection.driver_connection.info.get_parameters()
            assert (told["connect_timeout"], told["tcp_user_timeout"]) == ("10", "30000")
            # What its URL says counts.
            assert (told["keepalives_idle"], told["keepalives_count"]) == ("20", "7")
            assert connection.scalar(text("SHOW tcp_keepalives_idle")) == "20"
            assert connection.scalar(text("SHOW work_mem")) == "1MB"
        engine.dispose()
