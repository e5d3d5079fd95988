"""One ledger under several processes, machines and servers that come and go."""

import os
import signal
import subprocess
import sys
import threading
from itertools import chain

import pytest
from firstfault.annotate.engines.batch_book import BatchBook
from firstfault.annotate.engines.chat import Ask, Ending, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.ledger_place import LedgerPlace
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Usage
from hostile import Hostile
from postgres import Postgres

USAGE = Usage(requests=1, prompt_tokens=10, completion_tokens=5)
OPEN = "import sys; from firstfault.annotate.engines.ledger import Ledger\n"


def answer(ledger: Ledger, key: str) -> None:
    ledger.store(key, "e", "m", "{}", 0.25)
    ledger.settle(key, USAGE, 0.5)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that opens a ledger, says what it has to say, and goes on when told."""
    command = [sys.executable, "-c", OPEN + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> int:
    process.communicate("\n", timeout=60)
    return process.returncode


def test_of_processes_that_claim_the_same_each_key_goes_to_one(place: LedgerPlace):
    code = (
        "import random\n"
        "ledger = Ledger(sys.argv[1]); keys = [str(n) for n in range(300)]\n"
        "random.Random(int(sys.argv[2])).shuffle(keys); mine = []\n"
        "for first in range(0, 300, 7):\n"
        "    mine += ledger.claim(keys[first:first + 7]).mine\n"
        "    if not first: print('begun', flush=True); sys.stdin.readline()\n"
        "print(*mine, flush=True); sys.stdin.readline()\n"
    )
    running = [start(code, place, seed) for seed in range(4)]
    assert [heard(one) for one in running] == ["begun"] * 4
    for one in running:
        go_on(one)
    claimed = [heard(one).split() for one in running]
    assert sorted(chain(*claimed)) == sorted(str(n) for n in range(300))
    assert all(claimed)
    assert [end(one) for one in running] == [0] * 4


def test_processes_and_threads_write_to_one_ledger_at_the_same_time(place: LedgerPlace):
    code = (
        "import sys\n"
        "from firstfault.annotate.engines.ledger import Ledger\n"
        "from firstfault.datasets.records import Usage\n"
        "with Ledger(sys.argv[1]) as ledger:\n"
        "    for number in range(30):\n"
        "        key = f'{sys.argv[2]}-{number}'\n"
        "        ledger.claim([key]); ledger.store(key, 'e', 'm', '{}', 0.1)\n"
        "        ledger.settle(key, Usage(), 0)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(place), str(n)]) for n in range(3)]
    with Ledger(place) as ledger:

        def write(name: int) -> None:
            for number in range(30):
                answer(ledger, f"t{name}-{number}")

        threads = [threading.Thread(target=write, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [process.wait() for process in running] == [0, 0, 0]
        assert sum(total["answered"] for total in ledger.totals()) == 180


@pytest.mark.parametrize("round_", range(3))
def test_several_may_make_a_ledger_at_the_same_time(place: LedgerPlace, round_: int):
    code = (
        "import firstfault.annotate.engines.ledger_postgres\n"
        "print('ready', flush=True); sys.stdin.readline(); Ledger(sys.argv[1]).close()"
    )
    running = [start(code, place) for _ in range(6)]
    assert [heard(one) for one in running] == ["ready"] * 6
    for one in running:
        go_on(one)
    assert [end(one) for one in running] == [0] * 6


def test_the_claims_of_another_machine_end_with_their_lease_alone(place: LedgerPlace):
    code = (
        "from pathlib import Path\n"
        "import firstfault.annotate.engines.claimant as claimant\n"
        "claimant._read = lambda path: 'another-boot'\n"
        "Ledger(sys.argv[1], clock=lambda: 1000.0).claim(['a'])\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert start(code, place).wait() == -signal.SIGKILL
    now = 1059.0
    with Ledger(place, clock=lambda: now) as ledger:
        assert ledger.claim(["a"]).busy == {"a"}
        now = 1061.0
        assert ledger.claim(["a"]).mine == {"a"}


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_leases_hold_among_machines_whose_clocks_differ(shared_place: str, seconds: int):
    code = (
        "import time; real = time.time; time.time = lambda: real() + int(sys.argv[2])\n"
        "ledger = Ledger(sys.argv[1]); ledger.claim(['a']); ledger.renew()\n"
        "print(*ledger.claim(['a', 'b']).busy, flush=True); sys.stdin.readline()\n"
    )
    with Ledger(shared_place) as ledger:
        ledger.claim(["b"])
        other = start(code, shared_place, seconds)
        assert heard(other) == "b"
        assert ledger.claim(["a", "b"]).busy == {"a"}
        assert end(other) == 0
        assert ledger.claim(["a"]).mine == {"a"}


def test_a_process_that_is_frozen_while_it_writes_holds_up_nobody_and_writes_when_it_wakes(
    shared_place: str,
):
    code = (
        "import firstfault.annotate.engines.ledger_postgres as postgres; postgres._IDLE = 1.0\n"
        "ledger = Ledger(sys.argv[1]); times = []\n"
        "def write():\n"
        "    times.append(1); ledger.store('a', 'e', 'm', '{}', None)\n"
        "    if len(times) == 1: print('writing', flush=True); sys.stdin.readline()\n"
        "ledger.atomically(write); print(len(times), flush=True)"
    )
    other = start(code, shared_place)
    assert heard(other) == "writing"
    os.kill(other.pid, signal.SIGSTOP)
    with Ledger(shared_place) as ledger:
        assert ledger.claim(["b"]).mine == {"b"}
        assert ledger.answered(["a"]) == set()
        os.kill(other.pid, signal.SIGCONT)
        out, _ = other.communicate("\n", timeout=60)
        assert out.strip() == "2"
        assert ledger.answered(["a"]) == {"a"}


def test_a_server_that_restarts_costs_nothing(own_postgres: Postgres):
    with Ledger(own_postgres.database()) as ledger:
        answer(ledger, "a")
        assert ledger.claim(["b"]).mine == {"b"}
        own_postgres.restart()
        assert ledger.answered(["a", "b"]) == {"a"}
        own_postgres.restart()
        answer(ledger, "b")
        assert ledger.answered(["a", "b"]) == {"a", "b"}


def test_what_is_written_while_the_server_restarts_is_written_once(own_postgres: Postgres):
    place = own_postgres.database()
    with Ledger(place) as ledger, Ledger(place) as other:
        assert ledger.claim(["a", "b"]).mine == {"a", "b"}
        tries: list[int] = []

        def write() -> None:
            tries.append(1)
            answer(ledger, "a")
            if len(tries) == 1:
                own_postgres.restart()
            answer(ledger, "b")

        ledger.atomically(write)
        assert len(tries) == 2
        assert other.answered(["a", "b"]) == {"a", "b"}
        assert other.claim(["c"]).mine == {"c"}
        assert ledger.claim(["c"]).busy == {"c"}


def test_a_transaction_that_can_not_be_done_anew_is_nothing(own_postgres: Postgres):
    with Ledger(own_postgres.database()) as ledger:

        def broken() -> None:
            with ledger.transaction():
                answer(ledger, "a")
                own_postgres.restart()
                answer(ledger, "b")

        with pytest.raises(InputError, match="can't be used as a ledger"):
            broken()
        assert ledger.answered(["a", "b"]) == set()
        answer(ledger, "a")
        assert ledger.answered(["a"]) == {"a"}


def test_a_batch_is_written_down_once_though_the_server_restarts(
    own_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    with Ledger(own_postgres.database()) as ledger:
        book = BatchBook(ledger, Endpoint(model="m"))
        release, tries = ledger.release, [own_postgres.restart]

        def lost(keys: list[str]) -> None:
            if tries:
                tries.pop()()
            release(keys)

        monkeypatch.setattr(ledger, "release", lost)
        batch, mine = book.begin(["a", "b"])
        monkeypatch.undo()
        assert mine == book.keys(batch) == ["a", "b"]
        assert [one.token for one in book.open()] == [batch.token]
        assert ledger.query("SELECT * FROM claims") == []


def test_a_judge_asks_nothing_twice_though_the_server_restarts_meanwhile(own_postgres: Postgres, naps):
    asks = [Ask(f"k{n}", (Message(role="user", content=f"question {n}"),)) for n in range(80)]
    place = own_postgres.database()
    with Hostile() as server, Ledger(place) as ledger:
        endpoint = Endpoint.model_validate({"model": "m", "base_url": server.url, "concurrency": 4})
        found = []
        for one in OpenAIChat(endpoint, ledger=ledger, pause=naps).ask(asks):
            found.append(one)
            if len(found) in (10, 30):
                own_postgres.restart()
        assert {one.ending for one in found} == {Ending.STOP}
        assert len(found) == len(server.asked) == server.asked.total() == 80
        assert ledger.totals()[0]["answered"] == 80
        assert ledger.query("SELECT * FROM claims") == []


def test_who_may_make_no_schema_uses_the_one_that_is_there(shared_place: str):
    psycopg = pytest.importorskip("psycopg", reason="needs the extra `service`")
    low = shared_place.replace("firstfault@", "low@")
    with Ledger(shared_place):
        pass
    with psycopg.connect(shared_place, autocommit=True) as db:
        db.execute("CREATE ROLE low LOGIN")
        db.execute("GRANT USAGE ON SCHEMA firstfault_ledger TO low")
        db.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA firstfault_ledger TO low")
        try:
            with Ledger(low) as ledger:
                assert ledger.claim(["a"]).mine == {"a"}
                answer(ledger, "a")
        finally:
            db.execute("DROP OWNED BY low")
            db.execute("DROP ROLE low")


def test_a_shared_ledger_of_a_newer_version_is_refused(shared_place: str):
    with Ledger(shared_place) as ledger:
        ledger.query("UPDATE versions SET version = 99")
    with pytest.raises(InputError, match="newer version"):
        Ledger(shared_place)
