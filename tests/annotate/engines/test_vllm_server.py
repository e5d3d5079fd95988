"""Starting, watching and ending a server, with a stand-in for vLLM that is a real process."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.vllm_server import VLLMServer, served_models
from firstfault.datasets.errors import EndpointError
from vllm_stand_in import gone, stand_in


class Starts:
    """Starts servers in a folder of its own."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.python, self.model = stand_in(folder / "environment"), model
        self.pids_path, self.log = folder / "pids.json", folder / "work" / "vllm.log"
        self.stages: list[str] = []
        self.said: list[str] = []

    def __call__(self, fails: str = "never", timeout: float = 60.0, **options: Any) -> VLLMServer:
        arguments = ("--pids", str(self.pids_path), "--fails", fails)
        config = EngineConfig(name="vllm", arguments=arguments, timeout=timeout)
        return VLLMServer(
            self.python,
            self.model,
            name="tiny",
            log=self.log,
            config=config,
            report=self.stages.append,
            say=self.said.append,
            **options,
        )

    def process(self) -> dict[str, Any]:
        return json.loads(self.pids_path.read_text())

    def nothing_is_left(self) -> bool:
        process = self.process()
        return gone(process["server"]) and gone(process["engine"])


@pytest.fixture
def starts(tmp_path: Path, tiny_model: Path) -> Starts:
    return Starts(tmp_path, tiny_model)


def test_it_serves_while_it_is_used_and_leaves_nothing(starts: Starts):
    with starts() as server:
        process = starts.process()
        assert server.pid == process["server"]
        assert server.served.model == "tiny"
        assert server.served.limit == 9
        server.check()
        (listed,) = served_models(server.url, server.served.key)
        assert listed["root"] == str(starts.model)
    assert starts.nothing_is_left()
    assert starts.stages[-1] == "ready"
    with pytest.raises(EndpointError, match="ended with exit code"):
        server.check()


def test_it_answers_nobody_else_and_knows_none_of_our_keys(starts: Starts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-a-server-of-ours")
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    with starts() as server:
        with pytest.raises(EndpointError, match="HTTP 401"):
            served_models(server.url, "a guess")
        given = starts.process()["environment"]
        assert "sk-not-for-a-server-of-ours" not in given.values()
        assert given["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
        assert given["HF_HUB_OFFLINE"] == "1"
        assert stat.S_IMODE(starts.log.stat().st_mode) == 0o600
        assert server.served.key not in starts.log.read_text()


def test_an_adapter_is_served_by_the_models_name(starts: Starts, tmp_path: Path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    with starts(adapter=tmp_path) as server:
        assert server.served.model == "tiny"
        options = starts.process()["options"]
        assert options[options.index("--max-lora-rank") + 1] == "16"
        names = [one["id"] for one in served_models(server.url, server.served.key)]
        assert names == ["base", "tiny"]


def test_one_that_does_not_start_says_why_and_shows_the_end_of_its_log(starts: Starts):
    starts.log.parent.mkdir(parents=True)
    starts.log.write_text("OldError: of the last start\n")
    with pytest.raises(
        EndpointError, match="vLLM for tiny ended with exit code 1: ValueError: no kernel"
    ) as it:
        starts(fails="at once")
    assert str(starts.log) in it.value.hint
    assert starts.said[-1] == "RuntimeError: Engine core initialization failed. See root cause above."
    assert not any("\x1b" in line or "OldError" in line for line in starts.said)
    assert starts.nothing_is_left()


def test_one_that_never_gets_ready_is_ended(starts: Starts):
    with pytest.raises(EndpointError, match="was not ready after 3 s"):
        starts(fails="never ready", timeout=3.0)
    assert starts.stages[-1] == "reading the model"
    assert starts.nothing_is_left()


def test_an_interpreter_that_is_not_there(starts: Starts, tmp_path: Path):
    starts.python = tmp_path / "nowhere"
    with pytest.raises(EndpointError, match="No such file") as caught:
        starts()
    assert "engine.python" in caught.value.hint


def test_the_death_of_the_server_takes_its_engine_along_and_is_noticed(starts: Starts):
    with starts() as server:
        os.kill(server.pid, signal.SIGKILL)
        assert starts.nothing_is_left()
        with pytest.raises(EndpointError, match="ended with exit code -9"):
            server.check()


@pytest.mark.parametrize("fails", ["never", "never ready"])
def test_a_killed_parent_leaves_no_server(starts: Starts, tmp_path: Path, fails: str):
    """Whether the server is up or still starting."""
    code = f"""
import signal, sys
from pathlib import Path
from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.vllm_server import VLLMServer
config = EngineConfig(name="vllm", arguments=("--pids", {str(starts.pids_path)!r}, "--fails", {fails!r}))
def report(stage):
    if stage == "reading the model" or stage == "ready":
        print(stage, flush=True)
VLLMServer(Path({str(starts.python)!r}), Path({str(starts.model)!r}), name="tiny",
           log=Path({str(starts.log)!r}), config=config, report=report)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        reached = {"never": "ready\n", "never ready": "reading the model\n"}[fails]
        assert reached in iter(parent.stdout.readline, "")
        parent.kill()
    assert starts.nothing_is_left()
