"""A real vLLM, in the environment that the engine makes or in one named by FIRSTFAULT_VLLM_ENV."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.vllm_environment import environment
from firstfault.annotate.engines.vllm_server import VLLMServer

KEY_NAME = "FIRSTFAULT_TEST_VLLM_KEY"
"""The environment variable that the key of the last server is in."""
# The grammar alone lets a weak model write white space until the tokens end.
_STRUCTURED = '{"backend": "xgrammar", "disable_any_whitespace": true}'
_SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


def vllm_python() -> Path:
    """Return the Python of an environment that has vLLM, made at the first call.

    Raises:
        ConfigError: If it can't be made.
    """
    own = os.environ.get("FIRSTFAULT_VLLM_ENV")
    return Path(own) / "bin" / "python" if own else environment().ensure(lambda done, what: None)


def run_batch(python: Path, asked: Path, written: Path, model: Path, name: str) -> None:
    """Answer a file of requests with vLLM's own batch runner."""
    command = [str(python), "-m", "vllm.entrypoints.openai.run_batch", "-i", str(asked), "-o", str(written)]
    command += ["--model", str(model), "--served-model-name", name, "--enforce-eager"]
    subprocess.run(command, env={**os.environ, **_SETTINGS}, check=True, capture_output=True, timeout=600)


class VLLM:
    """A server of one model that answers chats, for the time of a `with`.

    Args:
        python: Of an environment that has vLLM.
        model: Model folder.
        name: Name that it is served under.
        limits: Further options of the server.
    """

    def __init__(self, python: Path, model: Path, name: str, *limits: str) -> None:
        self._python, self._model, self._name = python, model, name
        arguments = ("--max-num-seqs", "16", "--structured-outputs-config", _STRUCTURED, *limits)
        self._config = EngineConfig(name="vllm", arguments=arguments)

    def __enter__(self) -> Self:
        log = Path(tempfile.mkdtemp(prefix="firstfault-")) / "vllm.log"
        self._server = VLLMServer(
            self._python, self._model, name=self._name, log=log, config=self._config, say=print
        )
        self.url = self._server.url
        os.environ[KEY_NAME] = self._server.served.key
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
