"""Run vLLM's OpenAI-compatible server, and end it with whoever started it.

    python vllm_main.py ARGUMENTS...

Runs in vLLM's own environment, as a script: it imports nothing of ours, and nothing of ours imports it.
Standard input is a pipe of whoever started it; when that ends, so does the whole process group. So does it
when the server itself is killed: its engine is a process of its own, which would stay.
"""

import os
import select
import signal
import sys
import time

_LOOK_AGAIN = 1.0
_GRACE = 10.0


def main() -> None:
    """Become the server; a guardian stays beside it."""
    server = os.getpid()
    if os.fork() == 0:
        _guard(server)
    # The guardian alone reads the pipe.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    module = "vllm.entrypoints.openai.api_server"
    os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


def _guard(server: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.getppid() == server:
        if select.select([0], [], [], _LOOK_AGAIN)[0] and not os.read(0, 1024):
            os.killpg(0, signal.SIGTERM)
            deadline = time.monotonic() + _GRACE
            while os.getppid() == server and time.monotonic() < deadline:
                time.sleep(0.1)
            break
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
