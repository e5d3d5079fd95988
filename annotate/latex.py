"""Whether two LaTeX expressions are equal, at a bounded price.

`math-verify` decides, in a worker process that is killed and replaced when one comparison takes
longer than its limit. What plainly can't be worked out is refused before it is sent.
"""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

_START_SECONDS = 300.0
_STATUS_SECONDS = 0.2
_ATTEMPTS = 2
# The limit is on processor time, which the worker watches itself: a busy machine must not change
# grades. Wall time is the second line, for a worker that waits without working.
_WALL_FACTOR = 4
_CPU_ALARM = getattr(signal, "SIGPROF", 0)
_MAX_LENGTH = 1000
_MAX_DEPTH = 40
_MAX_EXPONENT = 10_000
_TOWER = re.compile(r"\d[\d\s{}()]*(?:(?:\^|\*\*)[\s{}()]*\d[\d\s{}()]*)+")
_FACTORIAL = re.compile(r"\d{5}[\s)}]*!|![\s)}]*!")


class Comparison(NamedTuple):
    """Outcome of one comparison."""

    equal: bool
    problem: str | None
    """Why it could not be decided; `None` when it was."""


class LatexComparer:
    """Compares LaTeX in a worker process that starts with the first comparison.

    Safe to share between threads; one comparison runs at a time.

    Args:
        seconds: Limit on processor time per comparison. Starting the worker does not count.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._worker: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def compare(self, reference: str, answer: str) -> Comparison:
        """Compare two expressions; never raises over their content and never hangs on it."""
        for text in (reference, answer):
            if problem := too_costly(text):
                return Comparison(False, problem)
        request = json.dumps({"reference": reference, "answer": answer}).encode() + b"\n"
        with self._lock:
            for _ in range(_ATTEMPTS):
                try:
                    worker = self._worker or self._start()
                    _write(worker, request)
                    reply = _read(worker, _WALL_FACTOR * self._seconds)
                except TimeoutError:
                    self._stop()
                    return Comparison(False, self._late)
                except OSError:
                    if self._stop() == -_CPU_ALARM:
                        return Comparison(False, self._late)
                except BaseException:
                    # Interrupted between question and answer: the next question must not get this answer.
                    self._stop()
                    raise
                else:
                    return Comparison(bool(reply["equal"]), reply["problem"])
        return Comparison(False, "the comparison ended its worker")

    @property
    def _late(self) -> str:
        return f"not decided within {self._seconds:g} s"

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        self._worker = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.latex_worker", str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            _read(self._worker, _START_SECONDS)
        except OSError as error:  # TimeoutError is one of them
            self._stop()
            raise RuntimeError("the math-verify worker does not start") from error
        return self._worker

    def _stop(self) -> int | None:
        """End the worker and return its exit status; one that ended by itself keeps its own."""
        worker, self._worker = self._worker, None
        if worker is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            # The output of a worker that ended closes a moment before its status can be read.
            worker.wait(_STATUS_SECONDS)
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        return worker.returncode


def too_costly(text: str) -> str | None:
    r"""Say why an expression is not worth a worker's time, or `None`.

    Refuses texts of over 1,000 characters, braces nested deeper than 40, numeric powers and towers
    whose exponent exceeds 10,000 (`9**9**9`, `10^{10^{10}}`), and factorials of factorials or of
    numbers of five digits and more.
    """
    if len(text) > _MAX_LENGTH:
        return f"longer than {_MAX_LENGTH} characters"
    depth = deepest = 0
    for character in text:
        depth += (character in "{([") - (character in "})]")
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        return f"nested deeper than {_MAX_DEPTH}"
    if _FACTORIAL.search(text):
        return "a factorial too large to work out"
    for tower in _TOWER.finditer(text):
        exponents = [int(digits[:9]) for digits in re.findall(r"\d+", tower[0])][1:]
        if _power_exceeds(exponents, _MAX_EXPONENT):
            return "a power too large to work out"
    return None


def _power_exceeds(tower: list[int], limit: int) -> bool:
    """Tell whether a ** b ** c ... > limit, without working it out beyond the limit."""
    value = 1
    for base in reversed(tower):
        if base > limit or (base > 1 and value > limit.bit_length()):
            return True
        value = base**value
        if value > limit:
            # Only a base of 0 or 1 below could still bring it down; nobody writes that.
            return True
    return False


def _write(worker: subprocess.Popen[bytes], request: bytes) -> None:
    assert worker.stdin is not None
    worker.stdin.write(request)
    worker.stdin.flush()


def _read(worker: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """Read one line of JSON.

    Raises:
        TimeoutError: If none came in time.
        OSError: If the worker ended.
    """
    assert worker.stdout is not None
    deadline = time.monotonic() + seconds
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            chunk = os.read(worker.stdout.fileno(), 1 << 16)
            if not chunk:
                raise OSError("the worker ended")
            line += chunk
    return json.loads(line)
