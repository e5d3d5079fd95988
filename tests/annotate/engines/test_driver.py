"""The driver against an endpoint that does what real ones do on a bad day."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from firstfault.annotate.engines.chat import Answer, Ask, Ending, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Budget, Endpoint
from firstfault.annotate.engines.fingerprint import Fingerprint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.datasets.errors import ConfigError, EndpointError
from hostile import CROWDED, CUT, GARBAGE, HANG, ODD, OK, RESET, SLOW, Act, Hostile, body_of, scripted, seeded

KEY = "sk-planted-0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"verdict": {"type": "string"}}}
SECRET = "the cat of Schroedinger has seven lives left"


def asks(number: int, schema: dict | None = None) -> list[Ask]:
    return [Ask(f"k{n}", (Message(role="user", content=f"question {n}"),), schema) for n in range(number)]


def endpoint(server: Hostile, **fields: object) -> Endpoint:
    return Endpoint.model_validate({"model": "m", "base_url": server.url, "timeout": 60, **fields})


def by_key(answers: list[Answer]) -> dict[str, Answer]:
    found = {answer.key: answer for answer in answers}
    assert len(found) == len(answers)
    return found


def ask_all(chat: OpenAIChat, wanted: list[Ask]) -> dict[str, Answer]:
    found = by_key(list(chat.ask(wanted)))
    assert set(found) == {ask.key for ask in wanted}
    return found


def test_every_ask_is_answered_once_on_the_worst_of_days(tmp_path: Path, naps):
    with Hostile(seeded(7)) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        chat = OpenAIChat(endpoint(server, retries=20), ledger=ledger, pause=naps)
        found = ask_all(chat, asks(100))
        assert set(server.answered.values()) == {1}
        assert len(server.answered) == 100
        before = server.asked.total()
        again = ask_all(chat, asks(100))
        assert server.asked.total() == before
        assert all(answer.from_ledger for answer in again.values())
        assert {key: one._replace(from_ledger=True) for key, one in found.items()} == again


def test_how_answers_end(naps):
    with Hostile(lambda text, _: ODD[int(text.split()[-1])]) as server:
        found = ask_all(OpenAIChat(endpoint(server, max_tokens=77), pause=naps), asks(len(ODD)))
    endings = [found[f"k{n}"].ending for n in range(len(ODD))]
    assert endings == [*[Ending.STOP] * 3, Ending.LENGTH, Ending.REFUSED, Ending.FILTERED, *[Ending.STOP] * 2]
    assert found["k0"].text == '{"verdict": 12, "other": []}'
    assert found["k3"].reason == "cut off at the limit of 77 tokens"
    assert found["k4"].text == "I can't help with that."
    assert all((answer.reason is None) == (answer.ending is Ending.STOP) for answer in found.values())


@pytest.mark.parametrize(
    "usage", [None, [], "none", {"prompt_tokens": -1, "completion_tokens": 1.5}, {"x": {}}]
)
@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_odd_usage_counts_as_nothing_and_thinking_is_kept_apart(usage, name, naps):
    with Hostile(scripted(then=Act(usage=usage, message={name: "hm"}))) as server:
        [answer] = OpenAIChat(endpoint(server), pause=naps).ask(asks(1))
    assert (answer.usage.requests, answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 0, 0)
    assert (answer.reasoning, answer.text) == ("hm", OK.content)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "null",
        '{"choices": null}',
        '{"choices": [{}]}',
        "[" * 100_000,
        '{"error": {"message": "x"}}',
    ],
)
def test_a_body_without_an_answer_is_asked_again_and_then_given_up(body, naps, tmp_path: Path):
    with Hostile(scripted(then=Act(body=body))) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        [answer] = OpenAIChat(endpoint(server, retries=2), ledger=ledger, pause=naps).ask(asks(1))
        assert server.asked.total() == 3
        assert answer.ending is Ending.FAILED
        assert answer.reason is not None
        assert answer.reason.startswith("HTTP 200, but the body")
        assert [row["state"] for row in ledger.rows()] == ["failed"]


@pytest.mark.parametrize("act", [Act(500), Act(503), CROWDED, RESET, CUT, GARBAGE, Act(408), Act(body="")])
def test_passing_failures_are_asked_again(act, naps):
    with Hostile(scripted(act, act, SLOW)) as server:
        [answer] = OpenAIChat(endpoint(server), pause=naps).ask(asks(1))
        assert server.asked.total() == 3
    assert (answer.ending, answer.text) == (Ending.STOP, OK.content)


def test_a_request_that_always_fails_ends_with_a_true_reason(naps):
    with Hostile(lambda text, _: Act(500) if text == "question 1" else OK) as server:
        found = ask_all(OpenAIChat(endpoint(server, retries=3), pause=naps), asks(3))
        assert server.asked["question 1"] == 4
    assert found["k1"][1] is Ending.FAILED
    assert found["k1"].reason == "HTTP 500: no (4 attempts)"
    assert [found[key].ending for key in ("k0", "k2")] == [Ending.STOP, Ending.STOP]


@pytest.mark.parametrize(
    ("act", "timeout", "reason"),
    [
        (RESET, 60, "the connection was lost before the whole answer had come"),
        (CUT, 60, "the connection was lost before the whole answer had come"),
        (GARBAGE, 60, "the answer was not HTTP"),
        (HANG, 0.3, "no answer within 0.3 s"),
    ],
)
def test_what_became_of_a_connection_is_told_truly(act, timeout, reason, naps):
    with Hostile(scripted(then=act)) as server:
        [answer] = OpenAIChat(endpoint(server, retries=1, timeout=timeout), pause=naps).ask(asks(1))
    assert answer.reason == f"{reason} (2 attempts)"


def test_a_hanging_request_is_given_up_after_its_time(naps):
    with Hostile(scripted(HANG)) as server:
        [answer] = OpenAIChat(endpoint(server, timeout=0.5), pause=naps).ask(asks(1))
        assert server.asked.total() == 2
    assert answer.ending is Ending.STOP


def test_a_rejected_request_is_not_asked_again_in_this_run_but_in_the_next(tmp_path: Path, naps):
    with (
        Hostile(scripted(Act(400, message="too long"))) as server,
        Ledger(tmp_path / "l.sqlite") as ledger,
    ):
        chat = OpenAIChat(endpoint(server), ledger=ledger, pause=naps)
        [answer] = chat.ask(asks(1))
        assert (answer.ending, answer.reason) == (Ending.FAILED, "HTTP 400: too long")
        [answer] = chat.ask(asks(1))
        assert answer.ending is Ending.STOP
        assert server.asked.total() == 2


def test_retry_after_is_honoured(naps):
    with Hostile(scripted(Act(429, headers=(("retry-after", "17"),)))) as server:
        [answer] = OpenAIChat(endpoint(server), pause=naps).ask(asks(1))
    assert answer.ending is Ending.STOP
    assert 17.0 in naps.taken


def test_a_wait_of_a_day_stops_the_run_and_says_so(naps):
    with Hostile(scripted(then=Act(429, headers=(("retry-after", "86400"),)))) as server:
        found = ask_all(OpenAIChat(endpoint(server, concurrency=2), pause=naps), asks(50))
        assert server.asked.total() <= 4
    assert {answer.ending for answer in found.values()} == {Ending.UNASKED}
    assert "86400 s" in str(found["k0"].reason)


def test_a_schema_that_is_refused_is_done_without_for_the_rest_of_the_run(naps):
    with Hostile(refuses_schemas=True) as server:
        chat = OpenAIChat(endpoint(server, concurrency=1), pause=naps)
        found = ask_all(chat, asks(5, SCHEMA))
        assert {answer.ending for answer in found.values()} == {Ending.STOP}
        assert ["response_format" in body for body in server.bodies] == [True, *[False] * 5]


def test_a_schema_is_sent_as_the_endpoint_wants_it(naps):
    with Hostile() as server:
        list(OpenAIChat(endpoint(server), pause=naps).ask(asks(1, SCHEMA)))
        list(OpenAIChat(endpoint(server, schema_support="none"), pause=naps).ask(asks(1, SCHEMA)))
        first, second = server.bodies
    assert first["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}
    assert "response_format" not in second


def test_a_schema_that_must_be_held_and_is_refused_is_an_error_at_once(naps):
    with Hostile(refuses_schemas=True) as server:
        chat = OpenAIChat(endpoint(server, schema_support="json_schema"), pause=naps)
        with pytest.raises(EndpointError, match="response_format") as error:
            list(chat.ask(asks(5, SCHEMA)))
    assert "schema_support" in error.value.hint


def test_a_wrong_key_is_one_error_that_does_not_tell_it(naps, monkeypatch, caplog, tmp_path: Path):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("WRONG_KEY", KEY)
    with Hostile(key="right") as server, Ledger(tmp_path / "l.sqlite") as ledger:
        chat = OpenAIChat(endpoint(server, api_key_env="WRONG_KEY"), ledger=ledger, pause=naps)
        with pytest.raises(EndpointError) as error:
            list(chat.ask(asks(5000)))
        assert server.asked.total() <= 20
        assert server.keys == {f"Bearer {KEY}"}
    assert server.url in str(error.value)
    assert "WRONG_KEY" in error.value.hint
    assert KEY not in f"{error.value} {error.value.hint} {error.getrepr()} {caplog.text}"


def test_an_unknown_model_and_an_unknown_host_are_errors_at_once(naps):
    with Hostile(scripted(then=Act(404, message="The model `m` does not exist"))) as server:
        with pytest.raises(EndpointError, match="`m` does not exist"):
            list(OpenAIChat(endpoint(server), pause=naps).ask(asks(100)))
        assert server.asked.total() <= 20
    nowhere = Endpoint(model="m", base_url="http://127.0.0.1:1/v1", retries=1)
    with pytest.raises(EndpointError, match="connection refused"):
        list(OpenAIChat(nowhere, pause=naps).ask(asks(100)))


def test_a_refusal_late_in_a_run_is_a_failure_of_that_request(naps):
    plan = lambda text, _: Act(404) if text == "question 30" else OK  # noqa: E731
    with Hostile(plan) as server:
        found = ask_all(OpenAIChat(endpoint(server, concurrency=1), pause=naps), asks(40))
    assert Counter(answer.ending for answer in found.values()) == {Ending.STOP: 39, Ending.FAILED: 1}


def test_neither_key_nor_prompt_is_in_ledger_logs_or_reasons(naps, monkeypatch, caplog, tmp_path: Path):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("MY_KEY", KEY)
    echo = f"bad request with Bearer {KEY}: {SECRET}"
    acts = [
        Act(400, message=echo),
        Act(400, message=f"key {KEY}"),
        Act(body=echo),
        Act(content=f"your key: {KEY}"),
    ]
    with Hostile(lambda text, _: acts[int(text[0])]) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        chat = OpenAIChat(endpoint(server, api_key_env="MY_KEY", retries=1), ledger=ledger, pause=naps)
        wanted = [Ask(str(n), (Message(role="user", content=f"{n} {SECRET}"),)) for n in range(4)]
        found = ask_all(chat, wanted)
        reasons = " ".join(str(answer.reason) for answer in found.values())
        assert "repeats the conversation" in str(found["0"].reason)
        assert found["1"].reason == "HTTP 400: key ***"
        assert found["3"].text == "your key: ***"
        assert KEY not in reasons + caplog.text
        assert SECRET not in reasons + caplog.text
        on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert KEY.encode() not in on_disk


def test_a_key_is_asked_for_only_when_there_is_something_to_ask(naps, tmp_path: Path, monkeypatch):
    public = Endpoint(model="m", base_url="https://api.example.com/v1", api_key_env="NO_SUCH_KEY")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        chat = OpenAIChat(public, ledger=ledger, pause=naps)
        with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
            list(chat.ask(asks(1)))
        key = Fingerprint(public).of(asks(1)[0])
        ledger.store(key, public.base_url, "m", body_of(OK), 0.1)
        [answer] = chat.ask(asks(1))
        assert (answer.from_ledger, answer.usage.prompt_tokens) == (True, 10)


def test_a_local_server_never_gets_the_key_of_a_paid_one(naps, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Hostile() as server:
        list(OpenAIChat(endpoint(server), pause=naps).ask(asks(1)))
        assert server.keys == {"Bearer none"}


def test_a_budget_stops_in_time_and_says_how_to_go_on(naps, tmp_path: Path):
    price = {"prompt": 0, "completion": 200_000}  # 1 dollar an answer
    with Hostile() as server, Ledger(tmp_path / "l.sqlite") as ledger:
        config = endpoint(server, price=price)
        chat = OpenAIChat(config, ledger=ledger, budget=Budget(usd=10), pause=naps)
        found = ask_all(chat, asks(100))
        assert 10 <= server.asked.total() <= 11
        assert chat.spending.usd == server.asked.total()
        endings = Counter(answer.ending for answer in found.values())
        assert endings == {Ending.STOP: server.asked.total(), Ending.UNASKED: 100 - server.asked.total()}
        unasked = [answer for answer in found.values() if answer.ending is Ending.UNASKED]
        assert "budget of $10 is spent: raise it" in str(unasked[0].reason)
        more = OpenAIChat(config, ledger=ledger, budget=Budget(usd=1000), pause=naps)
        assert {answer.ending for answer in ask_all(more, asks(100)).values()} == {Ending.STOP}
        assert server.asked.total() == 100
        assert sum(answer.cost for answer in more.ask(asks(100))) == pytest.approx(100)


def test_a_budget_in_tokens(naps):
    with Hostile() as server:
        found = ask_all(OpenAIChat(endpoint(server), budget=Budget(tokens=60), pause=naps), asks(50))
        assert 4 <= server.asked.total() <= 5
    assert "budget of 60 tokens" in str(found["k49"].reason)


def test_a_budget_in_dollars_needs_a_price():
    with pytest.raises(ConfigError, match="no price"):
        OpenAIChat(Endpoint(model="m"), budget=Budget(usd=1))


def test_the_same_question_twice_is_one_request(naps):
    with Hostile() as server:
        twice = [*asks(3), *(ask._replace(key=f"again-{ask.key}") for ask in asks(3))]
        found = ask_all(OpenAIChat(endpoint(server), pause=naps), twice)
        assert server.asked.total() == 3
    assert [found[f"again-k{n}"].from_ledger for n in range(3)] == [True] * 3


def test_leaving_early_cancels_what_is_in_flight_and_gives_up_its_claims(naps, tmp_path: Path):
    with Hostile(lambda text, _: OK if text == "question 0" else HANG) as server:
        with Ledger(tmp_path / "l.sqlite") as ledger, Ledger(tmp_path / "l.sqlite") as other:
            answers = OpenAIChat(endpoint(server), ledger=ledger, pause=naps).ask(asks(100))
            assert next(answers).key == "k0"
            answers.close()  # type: ignore[attr-defined]
            server.wait_until(lambda server: server.in_flight == 0)
            keys = [Fingerprint(endpoint(server)).of(ask) for ask in asks(100)]
            assert len(other.claim(keys).mine) == 99
        assert not [thread for thread in threading.enumerate() if thread.name in ("asking", "ledger_0")]


def test_a_reader_who_stops_reading_stops_the_asking(naps):
    with Hostile() as server:
        answers = OpenAIChat(endpoint(server, concurrency=4), pause=naps).ask(asks(300))
        next(answers)
        server.wait_until(lambda server: server.answered.total() >= 60)
        assert server.asked.total() <= 100
        assert sum(1 for _ in answers) == 299


def test_progress_counts_and_estimates(naps, tmp_path: Path):
    seen = []
    with Hostile() as server, Ledger(tmp_path / "l.sqlite") as ledger:
        config = endpoint(server, price={"prompt": 1, "completion": 2})
        list(OpenAIChat(config, ledger=ledger, pause=naps).ask(asks(5)))
        chat = OpenAIChat(config, ledger=ledger, on_progress=seen.append, pause=naps)
        list(chat.ask(asks(10)))
    assert [one.done for one in seen] == list(range(1, 11))
    assert (seen[-1].total, seen[-1].from_ledger, seen[-1].failed) == (10, 5, 0)
    assert seen[-1].usd == pytest.approx(5 * 20e-6)
    assert seen[-1].seconds_left == 0


def test_two_processes_that_share_a_ledger_pay_once(naps, tmp_path: Path):
    with Hostile(delay=0.01) as server, Ledger(tmp_path / "l.sqlite") as one:
        with Ledger(tmp_path / "l.sqlite") as other:
            found: list[list[Answer]] = [[], []]

            def read(number: int, ledger: Ledger) -> None:
                found[number] = list(OpenAIChat(endpoint(server), ledger=ledger, pause=naps).ask(asks(150)))

            threads = [threading.Thread(target=read, args=pair) for pair in enumerate((one, other))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert [len(by_key(answers)) for answers in found] == [150, 150]
        assert set(server.asked.values()) == {1}


PROGRAM = """
import asyncio, sys
from pathlib import Path
from firstfault.annotate.engines.chat import Ask, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.ledger import Ledger

async def nap(seconds):
    await asyncio.sleep(0)

asks = [Ask(f"k{n}", (Message(role="user", content=f"question {n}"),)) for n in range(int(sys.argv[3]))]
with Ledger(Path(sys.argv[1])) as ledger:
    endpoint = Endpoint(model="m", base_url=sys.argv[2], retries=20)
    for answer in OpenAIChat(endpoint, ledger=ledger, pause=nap).ask(asks):
        print(answer.key, answer.ending, flush=True)
"""


def test_killed_and_resumed_none_is_lost_and_none_asked_again_after_it_was_kept(tmp_path: Path):
    number, kills, ledger_path = 300, 5, tmp_path / "l.sqlite"
    with Hostile(seeded(3)) as server:
        command = [sys.executable, "-c", PROGRAM, str(ledger_path), server.url, str(number)]
        keys = {Fingerprint(endpoint(server)).of(ask): f"question {n}" for n, ask in enumerate(asks(number))}
        kept: dict[str, int] = {}
        for kill in range(kills):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            server.wait_until(lambda server, goal=(kill + 1) * 40: len(server.answered) >= goal)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            server.wait_until(lambda server: server.in_flight == 0)
            assert {text: server.asked[text] for text in kept} == kept
            with Ledger(ledger_path) as ledger:
                # A body without an answer may be there too, unread: that one is asked again.
                answers = [key for key, one in ledger.read(list(keys)).items() if "message" in one.raw]
            kept = {keys[key]: server.asked[keys[key]] for key in answers}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        assert {text: server.asked[text] for text in kept} == kept
        assert len(set(done.stdout.split("\n")) - {""}) == number
        # Who is killed right after reading an answer has it, and the server doesn't know.
        assert set(server.answered) | set(kept) == set(keys.values())
        # Only an answer that was on its way when a process died can have been bought again.
        assert sum(count - 1 for count in server.answered.values()) <= kills * 64
    with Ledger(ledger_path) as ledger:
        assert ledger.answered(list(keys)) == set(keys)


def test_it_is_not_imported_before_it_is_needed():
    code = (
        "import sys; import firstfault.annotate.engines.driver, firstfault.cli.main; "
        "print({'openai', 'httpx2', 'sqlite3'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "openai" not in found
    assert "httpx2" not in found
