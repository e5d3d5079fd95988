"""The process in which `math-verify` runs; started by `latex.LatexComparer`, never by hand.

Reads one JSON object a line (`reference`, `answer`) and writes one back (`equal`, `problem`). It is
a process of its own because a hostile answer can cost any time and memory: whoever asked kills it.
"""

import contextlib
import json
import logging
import os
import signal
import sys
from typing import Any

_MEMORY_BYTES = 3 << 30


def main() -> None:
    """Answer requests until standard input closes; the argument is the time limit in seconds."""
    seconds = float(sys.argv[1])
    _limit_memory()
    # Ctrl-C reaches the whole process group; whoever asked decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries may print; answers go out on a descriptor of their own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.disable(logging.CRITICAL)
    compare = _load()
    print(json.dumps({"ready": True}), file=out)
    for line in sys.stdin:
        request = json.loads(line)
        _set_alarm(seconds)
        try:
            reply: dict[str, Any] = {
                "equal": compare(request["reference"], request["answer"]),
                "problem": None,
            }
        except (Exception, RecursionError, MemoryError) as error:
            reply = {"equal": False, "problem": type(error).__name__}
        _set_alarm(0)
        print(json.dumps(reply), file=out)


def _load() -> Any:
    from math_verify import parse, verify  # pyright: ignore[reportMissingTypeStubs]

    def compare(reference: str, answer: str) -> bool:
        # math-verify's own limits are SIGALRM handlers of whole seconds; off, so that one limit counts.
        gold, given = (parse(f"${latex}$", parsing_timeout=None) for latex in (reference, answer))  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        return bool(verify(gold, given, timeout_seconds=None))  # pyright: ignore[reportUnknownArgumentType]

    compare("1", "1")
    return compare


def _set_alarm(seconds: float) -> None:
    # Ends this process when it has used so much processor time, even inside C code and when the
    # asking process is gone.
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


if __name__ == "__main__":
    main()
