"""Starting a vLLM that serves one model, and finding what a running one serves."""

import json
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ...datasets.errors import EndpointError
from ..child import HANDED_ON, Child
from .config import EngineConfig
from .endpoint import NO_KEY
from .vllm_environment import has_gpu
from .vllm_support import lora_rank, stored_type

_MAIN = Path(__file__).with_name("vllm_main.py")
_PREFIXES = ("VLLM_", "CUDA_", "NVIDIA_", "NCCL_", "OMP_", "LD_", "XDG_", "TMPDIR")
_LOOK_AGAIN = 0.2
_ANSWER_LIMIT = 10.0
_TAIL = 20
_BASE = "base"
"""What the checkpoint below an adapter is served as."""
_STAGES = (
    ("Resolved architecture", "reading the model"),
    ("Initializing a V1 LLM engine", "starting the engine"),
    ("Starting to load model", "loading weights"),
    ("KV cache size", "making room for keys and values"),
    ("Starting vLLM server", "opening the port"),
)
_FAULT = re.compile(r"\b(\w*(?:Error|Exception)): (?!Engine core initialization failed)(.+)")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Served(NamedTuple):
    """A model at a URL."""

    url: str
    """Where the API starts, `/v1` included."""
    key: str
    model: str
    """Its name there."""
    limit: int | None
    """Longest context, in tokens."""
    check: Callable[[], None] = lambda: None
    """Raises `EndpointError` if the server is known to have ended."""


class VLLMServer:
    """A vLLM of its own on a free port of the loopback, for the time of a `with`.

    It ends with this process, however that ends, and answers only who has its key.

    Args:
        python: Interpreter of an environment that has vLLM.
        folder: Model folder.
        name: Name that the model is served under.
        log: File that it writes to.
        config: How it is started.
        adapter: A LoRA adapter that is put on the model.
        report: Told what it is doing while it starts.
        say: Shown the end of its log if it doesn't start, line by line.

    Raises:
        ModelError: If the adapter can't be read.
        EndpointError: If it doesn't start.
    """

    def __init__(
        self,
        python: Path,
        folder: Path,
        *,
        name: str,
        log: Path,
        config: EngineConfig,
        adapter: Path | None = None,
        report: Callable[[str], object] = lambda stage: None,
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._log, self._name, self._say = log, name, say
        self._key = secrets.token_urlsafe(24)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        options = ["--model", str(folder), "--host", "127.0.0.1", "--port", str(port)]
        options += ["--served-model-name", name if adapter is None else _BASE]
        options += ["--dtype", stored_type(folder), "--generation-config", "vllm"]
        options += ["--uvicorn-log-level", "warning"]
        if not has_gpu():
            # On processors compiling doubles the time of a start.
            options += ["--enforce-eager"]
        if adapter is not None:
            options += ["--enable-lora", "--lora-modules", f"{name}={adapter}"]
            options += ["--max-lora-rank", str(lora_rank(adapter))]
        log.parent.mkdir(parents=True, exist_ok=True)
        self._from = log.stat().st_size if log.exists() else 0
        command = [str(python), str(_MAIN), *options, *config.arguments]
        try:
            self._child = Child(command, log, self._environment(config))
        except OSError as error:
            hint = "Name the interpreter of an environment that has vLLM by engine.python"
            raise EndpointError(f"{python}: {error.strerror or error}", hint=hint) from error
        try:
            self.served = self._await_ready(config.timeout, report)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._child.pid

    def check(self) -> None:
        """See that it still runs.

        Raises:
            EndpointError: If it has ended.
        """
        code = self._child.wait(0)
        if code is not None:
            raise self._failed(f"ended with exit code {code}")

    def stop(self) -> None:
        """Stop it, and wait until nothing of it is left."""
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _environment(self, config: EngineConfig) -> dict[str, str]:
        handed = {
            name: value for name, value in os.environ.items() if name.startswith((*_PREFIXES, *HANDED_ON))
        }
        return {
            # Unset it takes as much of the memory as it finds.
            "VLLM_CPU_KVCACHE_SPACE": str(config.kv_cache_gb),
            **handed,
            "VLLM_API_KEY": self._key,
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def _await_ready(self, limit: float, report: Callable[[str], object]) -> Served:
        deadline = time.monotonic() + limit
        while not _is_healthy(self.url):
            if (code := self._child.wait(_LOOK_AGAIN)) is not None:
                raise self._failed(f"ended with exit code {code}")
            if time.monotonic() > deadline:
                raise self._failed(f"was not ready after {limit:.0f} s")
            report(self._stage())
        found = find_served(self.url, self._key, self._name)
        if found is None:
            raise self._failed(f"does not serve {self._name}")
        report("ready")
        return found._replace(check=self.check)

    def _stage(self) -> str:
        written = self._written()
        reached = [stage for mark, stage in _STAGES if mark in written]
        return reached[-1] if reached else "loading its libraries"

    def _written(self) -> str:
        with self._log.open("rb") as log:
            log.seek(min(self._from, self._log.stat().st_size))
            return log.read().decode("utf-8", "replace")

    def _failed(self, what: str) -> EndpointError:
        lines = [_ESCAPES.sub("", line).rstrip() for line in self._written().splitlines()]
        for line in [line for line in lines if line][-_TAIL:]:
            self._say("".join(char if char.isprintable() else " " for char in line))
        faults = [found for line in lines if (found := _FAULT.search(line))]
        why = f": {faults[-1][1]}: {faults[-1][2]}" if faults else ""
        hint = f"See the end of {self._log}, or set engine: transformers"
        return EndpointError(f"vLLM for {self._name} {what}{why}", hint=hint)


def find_served(url: str, key: str, name: str, folder: Path | None = None) -> Served | None:
    """Find a model at a running vLLM: by the name that it is served under, or by its folder.

    Args:
        url: Where the API starts.
        key: Of the server.
        name: Name of the model, as it stands in records.
        folder: Its model folder, or that of its adapter.

    Returns:
        `None` if the server doesn't serve it.

    Raises:
        EndpointError: If no vLLM answers there.
    """
    for one in served_models(url, key):
        root = one.get("root")
        is_it = folder is not None and isinstance(root, str) and Path(root).resolve() == folder.resolve()
        if one.get("id") == name or is_it:
            limit = one.get("max_model_len")
            return Served(url, key, str(one["id"]), limit if isinstance(limit, int) else None)
    return None


def served_models(url: str, key: str) -> list[Mapping[str, Any]]:
    """Return what a running server says that it serves.

    Raises:
        EndpointError: If no vLLM answers there.
    """
    headers = {} if key == NO_KEY else {"Authorization": f"Bearer {key}"}
    hint = "See that vLLM runs there and that url ends in /v1, as in http://localhost:8000/v1"
    try:
        with urlopen(Request(f"{url}/models", headers=headers), timeout=_ANSWER_LIMIT) as answer:
            listed: Any = json.load(answer)["data"]
            return [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    except HTTPError as error:
        if error.code in (401, 403):
            hint = "Name the environment variable that holds its key by engine.api_key_env"
        raise EndpointError(f"{url}: HTTP {error.code}", hint=hint) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise EndpointError(f"{url}: no answer: {reason}", hint=hint) from error
    except (ValueError, KeyError, TypeError):
        raise EndpointError(f"{url}: what answers there is no vLLM", hint=hint) from None


def _is_healthy(url: str) -> bool:
    try:
        with urlopen(f"{url.removesuffix('/v1')}/health", timeout=_ANSWER_LIMIT) as answer:
            return answer.status == 200
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
