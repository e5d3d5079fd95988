"""The client where connections are lost: a service killed and started anew, an answer that never arrives."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from firstfault.service.client import Client
from firstfault.service.work.states import JobState
from hostile import Hostile
from killed_service import Killed, failing, rows
from postgres import Postgres, programs
from service_app import RIGHT
from service_running import Service

COUNT = 1000


class Cut:
    """A relay to a service.

    Args:
        port: Of the service.
        loses: Connections whose answer gets lost: what was asked is done, and nobody hears of it.
        many: `has_many` is set at this number of connections.
    """

    def __init__(self, port: int, *, loses: int = 0, many: int = 0) -> None:
        self._port = port
        self._loses = loses
        self._many = many
        self.has_many = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            service = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=_pass, args=(caller, service), daemon=True).start()
            if self.connections == self._many:
                self.has_many.set()
            loses = self.connections <= self._loses
            threading.Thread(
                target=_pass, args=(service, caller), kwargs={"loses": loses}, daemon=True
            ).start()


def _pass(source: socket.socket, target: socket.socket, *, loses: bool = False) -> None:
    with suppress(OSError):
        while (piece := source.recv(1 << 16)) and not loses:
            target.sendall(piece)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def test_a_job_whose_answer_was_lost_is_sent_again_and_is_one_job(tmp_path: Path):
    path = tmp_path / "solutions.jsonl"
    path.write_text(json.dumps(RIGHT) + "\n")
    with Service(tmp_path / "data", workers=0) as service:
        cut = Cut(int(service.url.rpartition(":")[2]), loses=1)
        try:
            with Client(f"http://127.0.0.1:{cut.port}") as client:
                job = client.post_job(path)
                assert [one.id for one in client.jobs()] == [job.id]
        finally:
            cut.close()
        assert cut.connections == 2


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    with Hostile(failing(3, share=0)) as server, Killed(tmp_path, server) as killed:
        yield killed


def restart(killed: Killed) -> None:
    killed.kill()
    killed.start()


def test_verdicts_go_on_where_they_were_when_the_service_is_started_anew(killed: Killed):
    # The first while most is not judged yet, so that it can't have been sent before the service dies.
    at = {0, COUNT // 2}
    with Client(killed.url) as client:
        job = client.post_job(json.loads(line) for line in rows(COUNT))
        found: list[int] = []
        for verdict in client.stream(job.id):
            found.append(verdict.number)
            if verdict.number in at:
                restart(killed)
        assert found == list(range(COUNT))
        assert client.wait(job.id).state == JobState.DONE


def test_verdicts_go_on_where_they_were_when_the_database_was_away(tmp_path: Path):
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    with (
        Postgres(folder) as server,
        Service(tmp_path / "data", server.database()) as service,
        Client(service.url) as client,
        ThreadPoolExecutor() as pool,
    ):
        job = client.post_job({**RIGHT, "id": f"s-{n}"} for n in range(5 * COUNT))
        found: list[int] = []
        for verdict in client.stream(job.id):
            found.append(verdict.number)
            if len(found) == 1:
                server.stop()
                assert service.client.get(f"/v1/jobs/{job.id}").status_code == 503
                pool.submit(server.start)
        assert found == list(range(5 * COUNT))
        assert client.wait(job.id).state == JobState.DONE


def test_a_job_that_is_long_silent_is_followed_on(tmp_path: Path):
    # Nobody judges, so nothing is sent, and each connection counts as lost; there are more
    # of them than a request has tries.
    with Service(tmp_path / "data", workers=0) as service:
        relay = Cut(int(service.url.rpartition(":")[2]), many=10)
        url = f"http://127.0.0.1:{relay.port}"
        with (
            Client(service.url) as client,
            Client(url, timeout=0.5) as impatient,
            ThreadPoolExecutor() as pool,
        ):
            job = client.post_job([RIGHT])
            try:
                following = pool.submit(lambda: list(impatient.stream(job.id)))
                following.add_done_callback(lambda _: relay.has_many.set())
                assert relay.has_many.wait(60)
                assert not following.done()
            finally:
                client.cancel(job.id)
            assert following.result(60) == []
        relay.close()
