"""API keys in databases of both kinds."""

from collections.abc import Iterator

import pytest
from firstfault.datasets.errors import InputError
from firstfault.service.store.database import Database
from firstfault.service.store.keys import find, listed, make, revoke
from firstfault.service.store.scope import Scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()


def test_a_key_is_found_by_what_its_caller_sends(database: Database):
    with database.session() as session:
        made = {make(session, str(number), scope) for number, scope in enumerate(Scope)}
    with database.session() as session:
        for key, secret in made:
            found = find(session, secret)
            assert found is not None
            assert (found.id, found.scope) == (key.id, key.scope)
        assert [key.name for key in listed(session)] == ["0", "1", "2"]


def test_a_wrong_id_or_secret_finds_nothing(database: Database):
    with database.session() as session:
        one, other = make(session, "one", Scope.ADMIN), make(session, "other", Scope.ADMIN)
    _, identity, secret = one.secret.split("_", 2)
    _, other_identity, _ = other.secret.split("_", 2)
    wrong = [
        "",
        secret,
        identity,
        f"{identity}_{secret}",
        f"ff_{identity}",
        f"ff_{identity}_",
        f"ff_{other_identity}_{secret}",
        f"gg_{identity}_{secret}",
        one.secret[:-1],
        one.secret + "x",
        one.secret.swapcase(),
        f"ff_{identity}_{one.key.digest}",
    ]
    with database.session() as session:
        assert [sent for sent in wrong if find(session, sent) is not None] == []
        assert find(session, one.secret) is not None


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.one_of(st.text(), st.text().map("ff_{}".format), st.text(st.characters()).map("ff_00_{}".format))
)
def test_whatever_is_sent_is_only_looked_up(database: Database, sent: str):
    with database.session() as session:
        assert find(session, sent) is None


def test_a_revoked_key_finds_nothing_ever_again(database: Database):
    with database.session() as session:
        key, secret = make(session, "k", Scope.JUDGE)
    with database.session() as session:
        at = revoke(session, key.id).revoked_at
    with database.session() as session:
        assert find(session, secret) is None
        # When it became worthless is not moved by revoking it again.
        assert revoke(session, key.id).revoked_at == at
        with pytest.raises(InputError, match="no key"):
            revoke(session, "none")


def test_only_hashes_are_in_the_database(database: Database):
    with database.session() as session:
        secret = make(session, "k", Scope.ADMIN).secret.split("_", 2)[2]
    with database.engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        everything = "".join(
            str(connection.execute(text(f'SELECT * FROM "{table}"')).all()) for table in tables
        )
    assert "k" in everything
    assert secret not in everything
