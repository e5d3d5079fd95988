"""Servers and pushes that are killed, connections that break: nothing that was accepted is lost."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from firstfault.annotate.argilla.asking import Asking, What
from firstfault.annotate.argilla.connection import Connection
from firstfault.annotate.argilla.dataset import list_records
from firstfault.datasets.errors import EndpointError
from firstfault.loop.progress import Reporter
from firstfault.loop.reviewing import RunReview
from reviewer import Reviewer
from serving import Serving, wait_until_free
from small_run import make_run

ALL = Asking(what=What.ALL, gold=0)


def push_command(run: Path, data: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "firstfault.cli.main", "review", "push", str(run)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGILLA")}
    return subprocess.Popen(
        [*command, "--what", "all", "--gold", "0", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def until_there(connection: Connection, dataset: str, fewest: int) -> int:
    """Ask until so many records are there: each answer of the server is an event to go by."""
    while True:
        there = connection.get(f"datasets/{dataset}/records", limit=1)["total"]
        if there >= fewest:
            return there


@pytest.mark.usefixtures("server_python")
def test_a_server_killed_amid_a_push_and_answers_has_all_that_it_accepted(tmp_path: Path):
    folder = make_run(tmp_path / "run", regressions=400)
    data = tmp_path / "data"
    accepted: dict[str, str] = {}
    with Serving(data) as serving:
        connection = Connection(serving.url, serving.credentials["api_key"])
        run = RunReview(folder)
        first = Asking(what=What.RANDOM, size=40, gold=0)
        pushed = run.push(connection, first, run.place(), ["ann"], Reporter())
        ((name, password),) = pushed.accounts
        dataset = pushed.url.split("/")[-2]

        def answer() -> None:
            with Reviewer(serving.url, name, password) as ann:
                for record in ann.pending(dataset):
                    try:
                        ann.answer(record["id"], first_faulty_step="1")
                    except httpx.HTTPError:
                        return
                    accepted[record["external_id"]] = record["id"]

        answering = Thread(target=answer)
        answering.start()
        pushing = push_command(folder.path, data)
        before = until_there(connection, dataset, 100)
        os.kill(serving.server_pid(), signal.SIGKILL)
        answering.join()
        _, said = pushing.communicate()
        assert pushing.returncode == 2
        (line,) = [one for one in said.splitlines() if one.startswith("error")]
        assert "no Argilla answers there" in line
        assert "Run the same command again to go on" in line
        serving.process.wait(60)
    wait_until_free(data)
    assert 40 <= before < 400
    assert accepted
    with Serving(data) as serving:
        again = push_command(folder.path, data)
        again.communicate()
        assert again.returncode == 0
        connection = Connection(serving.url, serving.credentials["api_key"])
        records = Counter(one["external_id"] for one in list_records(connection, dataset))
        assert records == dict.fromkeys((case.solution.id for case in run.cases), 1)
        pulled = run.pull(connection, run.place(), Reporter())
        assert set(accepted) <= {one.solution_id for one in pulled.reviews}


def test_a_push_that_is_killed_is_finished_by_the_same_command(serving: Serving, tmp_path: Path):
    folder = make_run(tmp_path / "run", regressions=300, seed=901)
    connection = Connection(serving.url, serving.credentials["api_key"])
    run = RunReview(folder)
    pushed = run.push(connection, ALL._replace(what=What.RANDOM, size=1), run.place(), [], Reporter())
    dataset = pushed.url.split("/")[-2]
    pushing = push_command(folder.path, serving.data)
    until_there(connection, dataset, 101)
    pushing.kill()
    pushing.communicate()
    finished = run.push(connection, ALL, run.place(), [], Reporter())
    assert sum(finished.pushed) == 300
    assert finished.pushed.unchanged >= 101
    records = Counter(one["external_id"] for one in list_records(connection, dataset))
    assert records == dict.fromkeys((case.solution.id for case in run.cases), 1)


class Flaky(ThreadingHTTPServer):
    """Passes everything on to a server, but breaks the connection instead of handing back some answers."""

    where = "/records/bulk"
    """End of the paths where it does."""

    def __init__(self, url: str, breaks: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.to = httpx.Client(base_url=url, timeout=60)
        self.breaks = breaks
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    server: Flaky

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {
            name: self.headers[name] for name in ("X-Argilla-Api-Key", "Content-Type") if self.headers[name]
        }
        answer = self.server.to.request(self.command, self.path, content=body, headers=headers)
        if self.path.endswith(self.server.where) and self.server.breaks:
            self.server.breaks -= 1
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    # Names that the base class looks for.
    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _pass  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def flaky(serving: Serving) -> Iterator[Flaky]:
    with Flaky(serving.url, breaks=3) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.to.close()


def test_a_batch_whose_answer_was_lost_is_sent_again_and_there_once(
    serving: Serving, flaky: Flaky, tmp_path: Path
):
    folder = make_run(tmp_path / "run", regressions=20, seed=902)
    run = RunReview(folder)
    connection = Connection(flaky.url, serving.credentials["api_key"])
    pushed = run.push(connection, ALL, run.place(), [], Reporter())
    assert (pushed.pushed, flaky.breaks) == ((20, 0, 0), 0)
    records = Counter(one["external_id"] for one in list_records(connection, pushed.url.split("/")[-2]))
    assert records == dict.fromkeys((case.solution.id for case in run.cases), 1)


def test_a_dataset_whose_making_was_cut_short_is_made_anew(serving: Serving, flaky: Flaky, tmp_path: Path):
    folder = make_run(tmp_path / "run", regressions=10, seed=903)
    run = RunReview(folder)
    flaky.where, flaky.breaks = "/publish", 1
    connection = Connection(flaky.url, serving.credentials["api_key"])
    with pytest.raises(EndpointError, match="no Argilla answers there"):
        run.push(connection, ALL, run.place(), [], Reporter())
    assert run.push(connection, ALL, run.place(), [], Reporter()).pushed == (10, 0, 0)
    flaky.where, flaky.breaks = "/questions", 1
    with pytest.raises(EndpointError, match="no Argilla answers there"):
        run.push(connection, ALL, run.place(name="other"), [], Reporter())
    assert run.push(connection, ALL, run.place(name="other"), [], Reporter()).pushed == (10, 0, 0)
