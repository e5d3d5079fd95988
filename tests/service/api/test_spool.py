"""Bodies of requests on their way."""

import socket
from pathlib import Path

from service_running import Service


def test_a_request_that_is_broken_off_is_no_bug(tmp_path: Path):
    with Service(tmp_path / "data", workers=0) as service:
        port = int(service.url.rpartition(":")[2])
        for path in ("/v1/jobs", "/v1/judge"):
            with socket.create_connection(("127.0.0.1", port)) as caller:
                head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000"
                caller.sendall(f"{head}\r\nExpect: 100-continue\r\n\r\n".encode())
                # Now it reads.
                assert caller.recv(100).startswith(b"HTTP/1.1 100")
                caller.sendall(b"{")
    # It has ended, and told of all that it had to.
    assert "failed" not in (tmp_path / "data" / "serve.log").read_text()
