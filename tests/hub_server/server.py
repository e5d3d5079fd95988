"""The server, and what it can be told to do wrong."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Self

from .handler import Handler
from .repository import File, Repo


@dataclass
class Fault:
    """Something that goes wrong at requests whose `METHOD /path` matches."""

    at: str
    status: int | None = None
    """Answer with this and nothing else."""
    cut: int | None = None
    """Close the connection after so many bytes of the request's body."""
    lost: bool = False
    """Do what was asked, then close the connection without an answer."""
    before: Callable[[], object] | None = None
    """Called before the request is handled."""
    times: int | None = None
    """How often; always when left out."""
    handled: threading.Event = field(default_factory=threading.Event)
    """Set once a request that it let through was handled, whether its sender was still there or not."""


class HubServer:
    """Runs for the time of a `with`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        """Datasets by id, and models as `models/` and id: the Hub keeps the two apart."""
        self.uploads: dict[str, bytes] = {}
        self.part_size: int | None = None
        """Larger files are uploaded in parts of so many bytes, as the Hub has it with many GB."""
        self.parts: dict[tuple[str, int], bytes] = {}
        """Parts that came, by the whole's SHA-256 and their number from 1."""
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        """`METHOD /path` of every request."""
        self.lock = threading.RLock()

    def __enter__(self) -> Self:
        hub = self

        class Connection(Handler):
            server_state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, repo: str, files: dict[str, bytes] | None = None, *, private: bool = True) -> Repo:
        """Make a repository as somebody else would."""
        made = Repo(private)
        listed = {path: File(content, False) for path, content in (files or {}).items()}
        made.commit({".gitattributes": File(b"*.parquet filter=lfs\n", False), **listed}, "initial commit")
        self.repos[repo] = made
        return made
