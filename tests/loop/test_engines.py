"""Which engine generates with a model, and what is said where vLLM can't."""

import io
import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.engine import Prompt, Sampling
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.engines.vllm import VLLMEngine
from firstfault.datasets.errors import ConfigError, EndpointError
from firstfault.loop.config import RunConfig
from firstfault.loop.engines import Wanted, check_engine, open_engine
from firstfault.loop.folder import RunFolder
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.quant.recipes import Recipe
from rich.console import Console
from vllm_double import KEY, MODEL, VLLMDouble
from vllm_stand_in import gone, stand_in

MADE = Path(__file__).parent.parent / "quant" / "fixtures"
PROMPT = Prompt("p", "What is 2 + 2?")


class Said(Reporter):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.shown = io.StringIO()
        super().__init__(Console(file=self.shown, width=300))

    @property
    def lines(self) -> list[str]:
        return self.shown.getvalue().splitlines()


@pytest.fixture
def at_double(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    """A running server, and the configuration that names it."""
    monkeypatch.setenv("DOUBLE_KEY", KEY)
    loaded = TransformersEngine.load(tiny_model, name="tiny", dtype="float32")
    with VLLMDouble(loaded.model, tiny_model) as double:
        yield double, EngineConfig(name="vllm", url=f"{double.url}/", api_key_env="DOUBLE_KEY")


def test_a_model_that_a_running_server_has_is_asked_there(at_double, tiny_model, tmp_path):
    double, config = at_double
    said = Said()
    with ExitStack() as stack:
        # Its folder tells, whatever it is called here.
        engine = open_engine(Wanted("full_precision", tiny_model), config, said, tmp_path / "log", stack)
        (completion,) = engine.generate([PROMPT], Sampling(max_tokens=3))
    assert isinstance(engine, VLLMEngine)
    assert (engine.name, completion.tokens) == ("full_precision", 3)
    assert [body["model"] for body in double.bodies] == [MODEL]
    assert said.lines == []


def test_what_has_no_kernel_is_generated_by_transformers_and_a_line_says_so(at_double, tmp_path):
    double, config = at_double
    said = Said()
    with ExitStack() as stack:
        wanted = Wanted("gptq-w3", MADE / "gptq-3bit")
        engine = open_engine(wanted, config, said, tmp_path / "log", stack)
        (completion,) = engine.generate([PROMPT], Sampling(max_tokens=3))
    assert isinstance(engine, TransformersEngine)
    assert completion.tokens == 3
    assert said.lines == [
        "gptq-w3: vLLM has no kernel for 3-bit weights; generating with transformers instead."
    ]
    assert double.bodies == []


def test_a_model_that_a_running_server_does_not_have_is_generated_by_transformers(at_double, tmp_path):
    _, config = at_double
    said = Said()
    with ExitStack() as stack:
        engine = open_engine(Wanted("gptq-w4", MADE / "gptq"), config, said, tmp_path / "log", stack)
    assert isinstance(engine, TransformersEngine)
    (line,) = said.lines
    assert f"gptq-w4: not served at {config.url.rstrip('/')} (there: {MODEL};" in line


def test_before_any_long_work_it_says_what_vllm_can_not_serve(at_double):
    _, config = at_double
    recipes = [Recipe(method="rtn", scheme=scheme) for scheme in ("W4A16", "W3A16", "W8A8", "W2A16")]
    said = Said()
    check_engine(config, said, recipes)
    assert [line.split(";")[0] for line in said.lines] == [
        "rtn-w3g128: vLLM has no kernel for 3-bit weights",
        "rtn-w2g128: vLLM has no kernel for 2-bit weights",
    ]
    check_engine(EngineConfig(), said, recipes)
    assert len(said.lines) == 2


def test_before_any_long_work_a_server_that_is_not_there_is_known(tmp_path):
    with pytest.raises(EndpointError, match="no answer"):
        check_engine(EngineConfig(name="vllm", url="http://127.0.0.1:9/v1"), Said())
    with pytest.raises(ConfigError, match="no such file") as caught:
        check_engine(EngineConfig(name="vllm", python=tmp_path / "python"), Said())
    assert "vllm" in caught.value.hint.lower()


def test_an_installation_that_fails_says_what_to_do_without(tmp_path, monkeypatch):
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FIRSTFAULT_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="can't be installed: ERROR: No matching distribution") as caught:
        check_engine(EngineConfig(name="vllm"), Said())
    assert "engine: transformers" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_server_runs_until_another_model_is_asked_for_or_the_run_ends(tiny_model, tmp_path):
    pids = tmp_path / "pids.json"
    arguments = ("--pids", str(pids), "--fails", "never")
    engine = EngineConfig(name="vllm", python=stand_in(tmp_path / "environment"), arguments=arguments)
    config = RunConfig(model=tiny_model, variants=[Recipe(method="rtn")], engine=engine)
    folder = RunFolder(tmp_path / "run")
    folder.variant("rtn-w4g128").parent.mkdir(parents=True)
    folder.variant("rtn-w4g128").symlink_to(tiny_model)
    with Models(config, folder, Said()) as models:
        first = models.load("full_precision")
        assert models.load("full_precision") is first
        process = json.loads(pids.read_text())
        models.load("rtn-w4g128")
        assert gone(process["server"])
        assert gone(process["engine"])
        process = json.loads(pids.read_text())
    assert gone(process["server"])
    assert gone(process["engine"])


def test_a_run_may_go_on_with_its_server_elsewhere_but_not_with_another_engine(tmp_path):
    def claim(**engine: object) -> None:
        config = RunConfig(variants=[Recipe(method="rtn")], engine=EngineConfig.model_validate(engine))
        RunFolder(tmp_path).claim(config)

    claim(name="vllm", url="http://localhost:8000/v1")
    claim(name="vllm", concurrency=64)
    assert RunFolder(tmp_path).read_config().engine.concurrency == 64
    with pytest.raises(ConfigError, match=r"another configuration \(engine differ\)"):
        claim()


def test_the_interpreter_of_a_configuration_is_relative_to_it_and_stays_a_link(tmp_path):
    from firstfault.loop.config import read_config

    (tmp_path / "run.yaml").write_text(
        "variants: [{method: rtn}]\nengine: {name: vllm, python: v/bin/python}\n"
    )
    (tmp_path / "v" / "bin").mkdir(parents=True)
    (tmp_path / "v" / "bin" / "python").symlink_to("/bin/sh")
    assert read_config(tmp_path / "run.yaml").engine.python == tmp_path / "v" / "bin" / "python"


def test_a_model_is_told_from_another_that_had_its_name(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    (tmp_path / "config.json").write_text("{}")
    wanted = Wanted("m", tmp_path)
    first = wanted.fingerprint()
    (tmp_path / "README.md").write_text("a card, written later")
    assert wanted.fingerprint() == first
    (tmp_path / "model.safetensors").write_bytes(b"two, and longer")
    assert wanted.fingerprint() != first
    assert Wanted("m", tmp_path, tmp_path).fingerprint() != wanted.fingerprint()
