import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from firstfault.annotate.engines.batch_book import BatchBook
from firstfault.annotate.engines.chat import Ask, Message
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.fingerprint import Fingerprint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.ledger_place import LedgerPlace
from firstfault.annotate.engines.ledger_store import Rows, Values
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Usage

USAGE = Usage(requests=1, prompt_tokens=10, completion_tokens=5)
PLACE = ("https://api.openai.com/v1", "m")


def answer(ledger: Ledger, key: str, raw: str = "{}", model: str = "m", cost: float = 0.5) -> None:
    ledger.store(key, PLACE[0], model, raw, 0.25)
    ledger.settle(key, USAGE, cost)


def question(text: str = "2 + 2?", **fields: object) -> Ask:
    return Ask("k", (Message(role="user", content=text),), **fields)  # type: ignore[arg-type]


def test_what_makes_a_request_another_one():
    schema = {"type": "object", "required": ["a"]}
    base = Endpoint(model="m")
    one = Fingerprint(base).of(question(schema=schema))
    others = [
        Fingerprint(base).of(question("3 + 3?", schema=schema)),
        Fingerprint(base).of(question(schema=schema, sample=1)),
        Fingerprint(base).of(question(schema={"type": "object"})),
        Fingerprint(base).of(question()),
        Fingerprint(base).of(Ask("k", (Message(role="system", content="2 + 2?"),), schema)),
        Fingerprint(Endpoint(model="n")).of(question(schema=schema)),
        Fingerprint(Endpoint(model="m", base_url="http://localhost:1/v1")).of(question(schema=schema)),
        Fingerprint(Endpoint(model="m", temperature=0.5)).of(question(schema=schema)),
        Fingerprint(Endpoint(model="m", extra={"reasoning_effort": "low"})).of(question(schema=schema)),
    ]
    assert len({one, *others}) == len(others) + 1


def test_what_does_not_make_a_request_another_one():
    one = Fingerprint(Endpoint(model="m", base_url="http://localhost:1/v1")).of(
        question(schema={"a": 1, "b": 2})
    )
    slower = Endpoint(
        model="m",
        base_url=" http://LOCALHOST:1/v1/ ",
        concurrency=2,
        timeout=3,
        retries=0,
        api_key_env="OTHER",
        price={"prompt": 1, "completion": 2},  # type: ignore[arg-type]
    )
    assert Fingerprint(slower).of(question(schema={"b": 2, "a": 1})._replace(key="other")) == one


def test_a_key_is_the_hash_of_canonical_json():
    import hashlib

    endpoint = Endpoint(model="m", temperature=0, seed=3)
    ask = question("naïve \ud83d ✓", schema={"b": [1], "a": None})
    canonical = json.dumps(
        {
            "base_url": endpoint.base_url,
            "model": "m",
            "messages": [{"role": "user", "content": "naïve \ud83d ✓"}],
            "schema": {"b": [1], "a": None},
            "sampling": endpoint.sampling(),
            "sample": 0,
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    assert Fingerprint(endpoint).of(ask) == hashlib.sha256(canonical.encode()).hexdigest()


def test_an_answer_is_there_before_anyone_has_read_it(place: LedgerPlace):
    with Ledger(place) as ledger:
        ledger.store("k", *PLACE, '{"raw": 1}', 0.25)
        with Ledger(place) as other:
            assert other.answered(["k", "l"]) == {"k"}
            assert other.read(["k"])["k"].usage is None
        ledger.settle("k", USAGE, 0.5)
        assert ledger.read(["k"])["k"] == ('{"raw": 1}', USAGE, 0.5)


def test_a_failure_is_noted_and_asked_again_and_never_hides_an_answer(place: LedgerPlace):
    with Ledger(place) as ledger:
        ledger.fail("k", *PLACE, "HTTP 400")
        assert ledger.answered(["k"]) == set()
        assert ledger.claim(["k"]).mine == {"k"}
        answer(ledger, "k")
        ledger.fail("k", *PLACE, "too late")
        assert ledger.answered(["k"]) == {"k"}
        [total] = ledger.totals()
        assert (total["answered"], total["failed"]) == (1, 0)


def test_an_answer_that_could_not_be_read_becomes_a_failure(place: LedgerPlace):
    with Ledger(place) as ledger:
        ledger.store("k", *PLACE, "<html>", 0.1)
        ledger.fail("k", *PLACE, "not JSON")
        assert ledger.answered(["k"]) == set()
        [row] = ledger.rows()
        assert (row["state"], row["answer"], row["reason"]) == ("failed", "<html>", "not JSON")


def test_only_one_of_two_that_share_a_ledger_asks(place: LedgerPlace):
    with Ledger(place) as one, Ledger(place) as other:
        answer(one, "done")
        assert one.claim(["a", "b", "done"]) == ({"a", "b"}, {"done"}, set())
        assert other.claim(["b", "c", "done"]) == ({"c"}, {"done"}, {"b"})
        one.release(["b"])
        assert other.claim(["b"]).mine == {"b"}
        answer(one, "a")
        assert other.claim(["a"]).answered == {"a"}


def test_a_claim_ends_with_its_lease_unless_renewed(place: LedgerPlace):
    now = 1000.0
    with Ledger(place, lease=10, clock=lambda: now) as one, Ledger(place, clock=lambda: now) as other:
        one.claim(["a"])
        now = 1009.0
        one.renew()
        now = 1018.0
        assert other.claim(["a"]).busy == {"a"}
        now = 1020.0
        assert other.claim(["a"]).mine == {"a"}


def test_a_dead_process_claims_nothing(place: LedgerPlace):
    code = (
        "import os, signal, sys\n"
        "from firstfault.annotate.engines.ledger import Ledger\n"
        "Ledger(sys.argv[1]).claim(['a']); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(place)], check=False).returncode == -9
    with Ledger(place) as ledger:
        assert ledger.claim(["a"]).mine == {"a"}


def test_a_transaction_is_all_or_nothing(place: LedgerPlace):
    def half() -> None:
        with ledger.transaction():
            answer(ledger, "a")
            raise KeyError

    with Ledger(place) as ledger:
        with pytest.raises(KeyError):
            half()
        assert ledger.answered(["a"]) == set()
        answer(ledger, "a")
        assert ledger.answered(["a"]) == {"a"}


def test_what_is_answered_among_many_is_found_in_bulk(place: LedgerPlace, monkeypatch: pytest.MonkeyPatch):
    with Ledger(place) as ledger:
        keys = [f"{number:064x}" for number in range(20_000)]
        with ledger.transaction():
            for key in keys[::2]:
                ledger.store(key, *PLACE, "{}", 0.1)
        queries: list[str] = []
        execute = ledger._db.execute

        def counted(query: str, values: Values = ()) -> Rows:
            queries.append(query)
            return execute(query, values)

        monkeypatch.setattr(ledger._db, "execute", counted)
        assert ledger.answered(keys) == set(keys[::2])
        assert 1 <= len(queries) <= 20


def test_totals_count_tokens_and_cost_of_each_model(place: LedgerPlace):
    with Ledger(place) as ledger:
        answer(ledger, "a", cost=0.5)
        answer(ledger, "b", cost=0.25)
        answer(ledger, "c", model="n", cost=1.0)
        ledger.fail("d", *PLACE, "HTTP 500")
        first, second = ledger.totals()
        assert (first["model"], first["answered"], first["failed"], first["usd"]) == ("m", 2, 1, 0.75)
        assert (first["prompt_tokens"], first["completion_tokens"]) == (20, 10)
        assert (second["model"], second["answered"], second["usd"]) == ("n", 1, 1.0)


def test_pruning_forgets_by_age_and_by_model(place: LedgerPlace):
    now = time.time()
    with Ledger(place, clock=lambda: now) as ledger:
        now -= 1000
        answer(ledger, "old")
        answer(ledger, "old-n", model="n")
        now += 1000
        answer(ledger, "new")
        assert ledger.prune(before=now - 500, model="n") == 1
        assert ledger.prune(before=now - 500) == 1
        ledger.compact()
        assert [row["key"] for row in ledger.rows()] == ["new"]
        assert ledger.prune(model="m") == 1


def test_rows_come_page_by_page_in_order(place: LedgerPlace):
    with Ledger(place) as ledger:
        with ledger.transaction():
            for number in range(2500):
                ledger.store(str(number), *PLACE, "{}", 0.1)
        assert [row["key"] for row in ledger.rows()] == [str(number) for number in range(2500)]


def test_files_that_are_no_ledger_are_named_and_left_alone(tmp_path: Path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, " * 100)
    with pytest.raises(InputError, match=r"notes\.txt"):
        Ledger(text)
    assert text.read_text() == "not a database, " * 100
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(InputError, match="not a ledger"):
        Ledger(other)
    with pytest.raises(InputError, match="no such ledger"):
        Ledger.existing(tmp_path / "none.sqlite")


def test_a_ledger_of_a_newer_version_is_refused(path: Path):
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="newer version"):
        Ledger(path)


def test_batches_hold_their_requests(place: LedgerPlace):
    endpoint = Endpoint(model="m")
    with Ledger(place) as one, Ledger(place) as other:
        batch, mine = BatchBook(one, endpoint).begin(["a", "b"])
        assert mine == ["a", "b"]
        assert BatchBook(other, endpoint).begin(["b", "c"])[1] == ["c"]
        made = BatchBook(one, endpoint).made(batch, "remote-1")
        assert [one.remote for one in BatchBook(other, endpoint).open()] in (
            ["remote-1", None],
            [None, "remote-1"],
        )
        assert BatchBook(other, endpoint).keys(made) == ["a", "b"]
        BatchBook(one, endpoint).close(made)
        assert BatchBook(other, endpoint).begin(["a"])[1] == ["a"]
        assert one.forget_batches() == 2


def test_answers_come_back_as_they_came(place: LedgerPlace):
    raw = '{"a": "\\u0000 \u00e9\U0001f600 % %s :name ? \' \\\\ \\ud800"} \0 \x1a0 \x1a\x01 \r\n \ufffd'
    with Ledger(place) as ledger:
        answer(ledger, "a", raw)
        ledger.fail("b", *PLACE, "a reason with % and ? and :key and \0")
        assert ledger.read(["a"])["a"].raw == raw
        assert [row["reason"] for row in ledger.rows()] == [None, "a reason with % and ? and :key and \0"]


def test_a_reason_with_half_a_character_is_kept_as_far_as_it_can_be(place: LedgerPlace):
    with Ledger(place) as ledger:
        ledger.fail("k", *PLACE, "bad: \ud800!")
        assert [row["reason"] for row in ledger.rows()] == ["bad: ?!"]


def test_what_is_done_twice_because_nobody_heard_of_the_first_time_is_done_once(place: LedgerPlace):
    with Ledger(place) as ledger:
        book = BatchBook(ledger, Endpoint(model="m"))
        batch, _ = book.begin(["x"])
        for _ in range(2):
            assert ledger.claim(["a"]).mine == {"a"}
            answer(ledger, "b")
            assert ledger.atomically(lambda: book._take(["c", "d"], batch)) == ["c", "d"]
        assert [len(book.open()), book.keys(batch), ledger.totals()[0]["answered"]] == [1, ["c", "d", "x"], 1]


def test_a_file_needs_neither_of_the_service_libraries(path: Path):
    code = (
        "import sys; from firstfault.annotate.engines.ledger import Ledger; Ledger(sys.argv[1]).close()\n"
        "assert not {'sqlalchemy', 'psycopg'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


def test_a_shared_ledger_without_its_driver_is_an_error_that_says_what_to_install():
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from firstfault.cli.main import main\n"
        "sys.exit(main(['ledger', 'show', 'postgresql://h/d']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'firstfault[service]'" in done.stderr
