"""The head of a Ray cluster, watched: a process that has lost it is ended by Ray, without a word.

Ray ends it from within, at once or after the minute that a head may take to come back, and nothing of
Python runs then. So a second, small process waits for the end of the first and says what was the matter.
"""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

_SECONDS = 5.0
"""That the head may take to answer."""
_GOODBYE = b"."


@contextmanager
def watched(address: str) -> Generator[None]:
    """Have it said what to do, should this process be ended meanwhile because the head is lost.

    Args:
        address: HOST:PORT.
    """
    # Of a session of its own: Ctrl-C is for this process, and it says goodbye.
    watcher = subprocess.Popen(
        [sys.executable, "-I", __file__, address], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        watcher.communicate(_GOODBYE)


def _main() -> None:
    import socket

    if sys.stdin.buffer.read():
        return
    (address,) = sys.argv[1:]
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _SECONDS):
            return
    except OSError:
        sys.stderr.write(
            f"\nerror: the head of the cluster, {address}, does not answer any more. Start it anew and "
            "give the same command: what is finished is kept\n"
        )


if __name__ == "__main__":
    _main()
