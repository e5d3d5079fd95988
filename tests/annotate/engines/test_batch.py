"""Batches against an API that does what real ones do on a bad day."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from batches import Batches, Fate
from firstfault.annotate.engines.batch import BatchChat, BatchMode
from firstfault.annotate.engines.batch_files import MOST_BYTES, Parts, read_results
from firstfault.annotate.engines.by_hand import ByHandChat
from firstfault.annotate.engines.chat import Answer, Ask, Ending, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Budget, Endpoint
from firstfault.annotate.engines.fingerprint import Fingerprint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.datasets.errors import ConfigError, EndpointError
from hostile import ODD, OK, Act

SCHEMA = {"type": "object", "properties": {"verdict": {"type": "string"}}}
PRICE = {"prompt": 1.0, "completion": 2.0}


def asks(number: int, schema: dict | None = None) -> list[Ask]:
    return [Ask(f"k{n}", (Message(role="user", content=f"question {n}"),), schema) for n in range(number)]


def endpoint(server: Batches, **fields: object) -> Endpoint:
    return Endpoint.model_validate({"model": "m", "base_url": server.url, **fields})


@pytest.fixture
def ledger(tmp_path: Path):
    with Ledger(tmp_path / "l.sqlite") as opened:
        yield opened


def chat(
    server: Batches, ledger: Ledger, *, mode: BatchMode | None = None, budget=None, **fields
) -> BatchChat:
    return BatchChat(
        endpoint(server, **fields), ledger=ledger, mode=mode, budget=budget, pause=lambda _seconds: None
    )


def ask_all(asked: BatchChat | ByHandChat, wanted: list[Ask]) -> dict[str, Answer]:
    answers = list(asked.ask(wanted))
    found = {answer.key: answer for answer in answers}
    assert len(found) == len(answers) == len(wanted)
    return found


def test_shuffled_results_with_duplicates_and_broken_lines_find_their_requests(ledger: Ledger):
    def plan(text: str, _: int) -> Act:
        return Act(content=f"answer to {text}")

    with Batches(plan, fates=(Fate(looks=3),)) as server:
        found = ask_all(chat(server, ledger), asks(20))
        assert {key: answer.text for key, answer in found.items()} == {
            f"k{n}": f"answer to question {n}" for n in range(20)
        }
        assert set(server.submitted.values()) == {1}
        again = ask_all(chat(server, ledger), asks(20))
        assert len(server.batches) == 1
    assert all(answer.from_ledger for answer in again.values())
    assert ledger.query("SELECT * FROM batches") == ledger.query("SELECT * FROM batched") == []


def test_lines_are_what_the_api_wants(ledger: Ledger):
    with Batches() as server:
        config = endpoint(server, seed=3)
        ask_all(chat(server, ledger, seed=3), asks(2, SCHEMA))
        [batch] = server.batches.values()
        keys = {Fingerprint(config).of(ask): ask for ask in asks(2, SCHEMA)}
        assert (batch["endpoint"], batch["completion_window"]) == ("/v1/chat/completions", "24h")
        assert {line["custom_id"] for line in server.lines} == set(keys)
        for line in server.lines:
            assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
            assert line["body"] == config.body(keys[line["custom_id"]], with_schema=True)


def test_a_request_in_a_batch_costs_its_share_of_the_price(ledger: Ledger):
    with Batches() as server:
        found = ask_all(chat(server, ledger, price={**PRICE, "batch": 0.4}), asks(3))
    assert found["k0"].cost == pytest.approx(0.4 * (10 * 1 + 5 * 2) / 1e6)
    [total] = ledger.totals()
    assert total["usd"] == pytest.approx(3 * found["k0"].cost)


def test_what_failed_in_passing_expired_or_is_missing_goes_into_the_next_batch(ledger: Ledger):
    def plan(text: str, number: int) -> Act | str | None:
        first = {
            "0": Act(500),
            "1": "batch_expired",
            "2": None,
            "3": Act(body='{"choices": []}'),
            "4": Act(429),
        }
        return first.get(text.split()[-1], OK) if number == 0 else OK

    with Batches(plan, fates=(Fate("expired"),)) as server:
        found = ask_all(chat(server, ledger), asks(8))
        assert [answer.ending for answer in found.values()] == [Ending.STOP] * 8
        assert [server.submitted[f"question {n}"] for n in range(8)] == [2] * 5 + [1] * 3


def test_a_request_that_always_fails_ends_with_a_true_reason(ledger: Ledger):
    plans = {
        "0": Act(500, message="overloaded"),
        "1": "batch_expired",
        "2": None,
        "3": Act(400, message="too long"),
    }
    with Batches(lambda text, _: plans.get(text.split()[-1], OK)) as server:
        found = ask_all(chat(server, ledger, mode=BatchMode(rounds=2)), asks(5))
        assert [server.submitted[f"question {n}"] for n in range(5)] == [2, 2, 2, 1, 1]
    assert [found[f"k{n}"].reason for n in range(5)] == [
        "HTTP 500: overloaded (2 batches)",
        "the batch has no answer to it: batch_expired (2 batches)",
        "the batch is completed and has no result for it (2 batches)",
        "HTTP 400: too long",
        None,
    ]


def test_an_answer_with_half_a_character_is_kept(ledger: Ledger):
    with Batches(lambda _text, _n: Act(content="half \ud800 a character")) as server:
        found = ask_all(chat(server, ledger), asks(2))
        assert [one.ending for one in found.values()] == [Ending.STOP] * 2
    assert all("\\ud800" in row["answer"] for row in ledger.rows())


def test_odd_answers_end_as_they_do_elsewhere(ledger: Ledger, tmp_path: Path):
    with Batches(lambda text, _: ODD[int(text.split()[-1])]) as server:
        found = ask_all(chat(server, ledger), asks(len(ODD)))
    endings = [found[f"k{n}"].ending for n in range(len(ODD))]
    assert endings == [*[Ending.STOP] * 3, Ending.LENGTH, Ending.REFUSED, Ending.FILTERED, *[Ending.STOP] * 2]


def test_a_model_that_takes_no_schema_is_asked_without_in_the_next_batch(ledger: Ledger):
    def plan(_: str, number: int) -> Act:
        return OK if number else Act(400, message="response_format json_schema is not supported")

    with Batches(plan) as server:
        found = ask_all(chat(server, ledger), asks(3, SCHEMA))
        assert {answer.ending for answer in found.values()} == {Ending.STOP}
        assert ["response_format" in line["body"] for line in server.lines] == [True] * 3 + [False] * 3


def test_more_than_fits_goes_into_several_batches(ledger: Ledger):
    with Batches() as server:
        ask_all(chat(server, ledger, mode=BatchMode(requests=4)), asks(10))
        assert [batch["request_counts"]["total"] for batch in server.batches.values()] == [4, 4, 2]


def test_parts_keep_to_both_limits(tmp_path: Path):
    parts = Parts(lambda number: tmp_path / f"{number}", requests=3)
    for number in range(4):
        parts.add(str(number), b"x\n")
    big = b"y" * (MOST_BYTES // 2) + b"\n"
    parts.add("4", big)
    parts.add("5", big)
    assert [part.keys for part in parts.close()] == [["0", "1", "2"], ["3", "4"], ["5"]]
    assert all(part.path.stat().st_size <= MOST_BYTES for part in parts.close())


def test_too_many_tokens_waiting_holds_the_rest_until_a_batch_has_ended(ledger: Ledger):
    fates = (Fate(looks=2), Fate("failed", code="token_limit_exceeded"))
    with Batches(fates=fates) as server:
        found = ask_all(chat(server, ledger, mode=BatchMode(requests=3)), asks(6))
        assert {answer.ending for answer in found.values()} == {Ending.STOP}
        assert set(server.ran.values()) == {1}
    fates = (Fate("failed", code="token_limit_exceeded"),)
    with Batches(fates=fates) as server, pytest.raises(EndpointError, match="tokens waiting"):
        list(chat(server, ledger).ask(asks(7)))
    assert ledger.query("SELECT * FROM batches") == []


def test_a_batch_that_is_refused_or_cancelled_is_told_and_can_be_made_again(ledger: Ledger):
    with Batches(fates=(Fate("failed", code="invalid"), Fate("cancelled"))) as server:
        with pytest.raises(EndpointError, match="batch_0 was refused: the batch can't be run"):
            list(chat(server, ledger).ask(asks(2)))
        server._plan = lambda text, _: OK if text == "question 0" else None
        found = ask_all(chat(server, ledger), asks(2))
        assert (found["k0"].ending, found["k1"].ending) == (Ending.STOP, Ending.UNASKED)
        assert "cancelled" in str(found["k1"].reason)
        server._plan = lambda _text, _number: OK
        assert ask_all(chat(server, ledger), asks(2))["k1"].ending is Ending.STOP


@pytest.mark.parametrize("failure", [429, 500, 0])
@pytest.mark.parametrize("path", ["POST /files", "POST /batches", "GET /batches/", "GET /files/"])
def test_a_bad_connection_costs_no_second_batch(ledger: Ledger, path: str, failure: int):
    with Batches() as server:
        server.refuse = [(path, failure)]
        found = ask_all(chat(server, ledger), asks(3))
        assert {answer.ending for answer in found.values()} == {Ending.STOP}
        assert len(server.batches) == 1
        assert server.refuse == []


def test_no_batch_api_and_a_refused_key_are_errors_that_leave_nothing_behind(ledger: Ledger, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-planted-0123456789abcdef")
    with Batches(key="another") as server:
        with pytest.raises(EndpointError, match="the key was refused") as told:
            list(chat(server, ledger, api_key_env="SOME_KEY").ask(asks(2)))
        assert "planted" not in str(told.value) + told.value.hint
    with Batches() as server:
        server.refuse = [("POST /files", 404)]
        with pytest.raises(EndpointError) as told:
            list(chat(server, ledger).ask(asks(2)))
        assert "--batch-write" in told.value.hint
    assert ledger.query("SELECT * FROM batches") == ledger.query("SELECT * FROM claims") == []


def test_a_budget_ends_before_it_is_overspent(ledger: Ledger):
    with Batches() as server:
        # The longest answer costs 100 * 2 + 3 * 1 dollars per million, at half price about 0.0001.
        asked = chat(server, ledger, budget=Budget(usd=0.00035), price=PRICE, max_tokens=100)
        found = ask_all(asked, asks(100))
        answered = [answer for answer in found.values() if answer.ending is Ending.STOP]
        [first, *others] = server.batches.values()
        assert first["request_counts"]["total"] == 3
        # What an answer costs is known then, and more are affordable.
        assert others
        assert 3 < len(answered) < 100
        assert asked.spending.usd <= 0.00035
        assert {answer.ending for answer in found.values()} == {Ending.STOP, Ending.UNASKED}
        ask_all(chat(server, ledger, budget=Budget(usd=1), price=PRICE, max_tokens=100), asks(100))
        assert set(server.submitted.values()) == {1}


def test_asking_at_once_what_is_in_a_batch_is_refused(ledger: Ledger):
    with Batches(fates=(Fate(looks=10**9),)) as server:
        asked = chat(server, ledger)
        asked._pause = _interrupt
        with pytest.raises(KeyboardInterrupt):
            list(asked.ask(asks(3)))
        with pytest.raises(ConfigError, match="3 of these requests are in a batch"):
            list(OpenAIChat(endpoint(server), ledger=ledger).ask(asks(4)))
        assert ledger.forget_batches() == 1


def _interrupt(_: float) -> None:
    raise KeyboardInterrupt


def test_a_batch_that_its_endpoint_does_not_know_is_not_bought_again_unasked(ledger: Ledger):
    with Batches(fates=(Fate(looks=10**9),)) as server:
        asked = chat(server, ledger)
        asked._pause = _interrupt
        with pytest.raises(KeyboardInterrupt):
            list(asked.ask(asks(3)))
        server.batches.clear()
        with pytest.raises(EndpointError, match="knows no batch_0"):
            list(chat(server, ledger).ask(asks(3)))


def test_results_by_hand_come_back_and_what_is_left_can_be_written(ledger: Ledger, tmp_path: Path):
    config = Endpoint.model_validate({"model": "m", "base_url": "http://127.0.0.1:9/v1"})
    left: dict[str, bytes] = {}
    found = ask_all(ByHandChat(config, ledger=ledger, leave=left.__setitem__), asks(3, SCHEMA))
    assert {answer.ending for answer in found.values()} == {Ending.UNASKED}
    lines = [json.loads(line) for line in left.values()]
    assert [line["body"]["messages"][0]["content"] for line in lines] == [f"question {n}" for n in range(3)]
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
    rows = [
        {"custom_id": lines[2]["custom_id"], "response": {"status_code": 200, "body": body}, "error": None},
        # As vLLM writes it.
        {
            "custom_id": lines[1]["custom_id"],
            "response": {"status_code": 400, "body": None},
            "error": {"error": {"message": "too long", "code": 400}},
        },
    ]
    out = tmp_path / "out.jsonl"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    left.clear()
    hand = ByHandChat(config, ledger=ledger, results=(out,), leave=left.__setitem__)
    found = ask_all(hand, asks(3, SCHEMA))
    assert [found[f"k{n}"].ending for n in range(3)] == [Ending.UNASKED, Ending.FAILED, Ending.STOP]
    assert found["k1"].reason == "HTTP 400: too long"
    assert list(left) == [lines[0]["custom_id"]]


def test_a_line_that_is_no_result_is_passed_over(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    odd = [b"", b"[]", b"null", b'{"custom_id": 3}', b"[" * 100_000, b"\xff\xfe", b'{"custom_id": "a"}']
    path.write_bytes(b"\n".join(odd))
    assert [(result.key, result.status) for result in read_results(path)] == [("a", 0)]


PROGRAM = """
import sys, time
from pathlib import Path
from firstfault.annotate.engines.batch import BatchChat, BatchMode
from firstfault.annotate.engines.chat import Ask, Message
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.ledger import Ledger

asks = [Ask(f"k{n}", (Message(role="user", content=f"question {n}"),)) for n in range(int(sys.argv[3]))]
with Ledger(Path(sys.argv[1])) as ledger:
    endpoint = Endpoint(model="m", base_url=sys.argv[2])
    chat = BatchChat(endpoint, ledger=ledger, mode=BatchMode(requests=10, poll=0.01))
    for answer in chat.ask(asks):
        print(answer.key, answer.ending, flush=True)
"""


KILLED_BEFORE_IT_KNOWS = """
import os, signal
from firstfault.annotate.engines.batch_book import BatchBook
BatchBook.made = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("batches", [0, 1, 3, "unknown"])
def test_a_run_that_was_killed_finds_its_batches_and_submits_nothing_twice(tmp_path: Path, batches):
    path = tmp_path / "l.sqlite"
    with Batches(fates=tuple(Fate(looks=10**9) for _ in range(3))) as server:
        arguments = [str(path), server.url, "30"]
        if batches == "unknown":
            done = subprocess.run([sys.executable, "-c", KILLED_BEFORE_IT_KNOWS + PROGRAM, *arguments])
            assert done.returncode == -signal.SIGKILL
            assert len(server.batches) == 1
        else:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.DEVNULL)
            server.wait_until(
                lambda server: len(server.batches) >= batches and (batches > 0 or len(server.files) > 0)
            )
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        server.let_all_end()
        command = [sys.executable, "-c", PROGRAM, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
        assert len(set(done.stdout.split("\n")) - {""}) == 30
        assert set(server.submitted.values()) == {1}
        assert set(server.ran.values()) == {1}


def test_a_ledger_from_before_there_were_batches_is_brought_up_and_keeps_its_answers(tmp_path: Path):
    path = tmp_path / "l.sqlite"
    with Ledger(path) as opened:
        opened.store("k", "http://127.0.0.1:9/v1", "m", "{}", 0.1)
    with sqlite3.connect(path) as old:
        old.executescript("DROP TABLE batched; DROP TABLE batches; PRAGMA user_version = 1")
    old.close()
    with Ledger(path) as opened:
        assert opened.answered(["k"]) == {"k"}
        assert opened.among_open_batches(["k"]) == set()
