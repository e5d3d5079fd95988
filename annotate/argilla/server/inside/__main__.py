"""Run Argilla's server with the SQL search engine and an in-process Redis, in one process.

    python inside --data DIR --socket FD

`DIR` holds `credentials.json`; `FD` is an inherited, bound socket. Says how far it is as lines of JSON on
standard output (`{"stage": ...}`, at last `{"ready": true}`); everything else goes to standard error. Stops
on SIGTERM, and when standard input ends: whoever started it is gone.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

_GRACE = 5
"""Seconds that requests under way get when the server stops."""
_KEEP_ALIVE = 65
"""Seconds that an idle connection is kept. Longer than clients keep theirs (httpx: 5 s, which is uvicorn's
default too): who closes first must be the client, else a request sent just then is answered by a reset."""


def main() -> None:
    """Start, and serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--socket", required=True, type=int)
    arguments = parser.parse_args()
    say = _channel()
    # The database holds keys and answers: for this user alone.
    os.umask(0o077)
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    credentials = arguments.data / "credentials.json"
    _configure(arguments.data, json.loads(credentials.read_text(encoding="utf-8"))["signing_key"])

    say(stage="loading")
    _keep_jobs_here()
    # Settings are read from the environment when these are imported.
    import argilla_server
    import search_engine
    import storage
    import uvicorn
    from headers import with_headers

    assert os.environ["ARGILLA_SEARCH_ENGINE"] == search_engine.NAME
    say(stage="preparing the database")
    storage.migrate()
    _quieten()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await storage.ensure_owner(credentials)
            await super().startup(sockets)
            say(ready=not self.should_exit)

    say(stage="starting")
    app = with_headers(argilla_server.app, Path(argilla_server.__file__).parent / "static")
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    asyncio.run(Server(config).serve(sockets=[socket.socket(fileno=arguments.socket)]))


def _channel() -> Any:
    # Whatever a library prints must not get between our lines.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**message: Any) -> None:
        print(json.dumps(message), file=lines, flush=True)

    return say


def _stop_when_alone() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2 * _GRACE)
    os._exit(1)


def _configure(data: Path, signing_key: str) -> None:
    # Argilla copies its static files there at each start and never removes them.
    temporary = data / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700)
    os.chdir(data)
    os.environ.update(
        {
            "TMPDIR": str(temporary),
            # Relative, since it becomes part of a URL, where some characters of a path mean something.
            "ARGILLA_HOME_PATH": ".",
            "ARGILLA_SEARCH_ENGINE": "sql",
            "ARGILLA_DATABASE_SQLITE_TIMEOUT": "30",
            "ARGILLA_AUTH_SECRET_KEY": signing_key,
            # No other site may read answers; the page is of this server's own origin.
            "ARGILLA_CORS_ORIGINS": "[]",
            "ARGILLA_DOCS_ENABLED": "false",
            "ARGILLA_ENABLE_TELEMETRY": "false",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "1",
        }
    )


def _keep_jobs_here() -> None:
    """Give Argilla a Redis in this process: it leaves jobs there that nothing we use depends on.

    Not a `TcpFakeServer`: it drops a connection now and then, and with it the request that used it.
    """
    import fakeredis
    import redis

    redis.from_url = lambda url: fakeredis.FakeRedis()


def _quieten() -> None:
    # Migrating sets the log up for a command line.
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("argilla").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
