"""The engine that a configuration names, for one model."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ..annotate.engines.config import EngineConfig
from ..annotate.engines.vllm_environment import environment
from ..annotate.engines.vllm_server import Served, VLLMServer, find_served, served_models
from ..annotate.engines.vllm_support import unserved, unserved_bits
from ..annotate.prompts import PromptFormat
from ..datasets.errors import ConfigError
from ..datasets.records import content_id
from ..quant.formats.loading import load_unpacked
from ..quant.recipes import Recipe
from .installing import made
from .journal import BatchEngine
from .progress import Reporter

_WEIGHTS = (".safetensors", ".bin")
_CONFIGS = ("config.json", "adapter_config.json", "tokenizer.json", "tokenizer_config.json")


class Wanted(NamedTuple):
    """A model to generate with, and how."""

    name: str
    """As it stands in records."""
    folder: Path
    adapter: Path | None = None
    batch_size: int = 128
    """Rows that transformers decodes together."""
    prompt_format: PromptFormat = PromptFormat()

    def fingerprint(self) -> str:
        """Tell this very model from one that had its name before: by its files, their sizes and times.

        Not by what is in them, which takes long to read of a large model.
        """
        return model_fingerprint(self.folder, self.adapter)


def model_fingerprint(*folders: Path | None) -> str:
    """Tell models apart by their files; a folder that is not here is told by its name."""
    seen: list[object] = []
    for folder in folders:
        if folder is None or not folder.is_dir():
            seen.append(str(folder))
            continue
        # Not cards and accounts, which are written beside it later.
        files = sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS or path.name in _CONFIGS)
        stats = [(path, path.stat()) for path in files]
        seen.append([(path.name, stat.st_size, stat.st_mtime_ns) for path, stat in stats])
    return content_id("m", seen)


def open_engine(
    wanted: Wanted, config: EngineConfig, reporter: Reporter, log: Path, stack: ExitStack
) -> BatchEngine:
    """Start what generates with a model.

    Where vLLM can't serve it, transformers generates, and a line says so.

    Args:
        wanted: The model.
        config: What it is generated with.
        reporter: Where progress is shown.
        log: What a server that is started writes to.
        stack: Stops it when closed.

    Raises:
        ModelError: If the model can't be loaded.
        ConfigError: If vLLM can't be installed.
        EndpointError: If a server doesn't start, or doesn't answer.
    """
    if config.name == "vllm":
        served, why = _served(wanted, config, reporter, log, stack)
        if served is not None:
            from ..annotate.engines.vllm import VLLMEngine

            return VLLMEngine.of(
                served, wanted.folder, name=wanted.name, config=config, prompt_format=wanted.prompt_format
            )
        tell_fallback(reporter, wanted.name, why)
    from ..annotate.engines.transformers import TransformersEngine

    return TransformersEngine.load(
        wanted.folder,
        name=wanted.name,
        adapter=wanted.adapter,
        batch_size=wanted.batch_size,
        prompt_format=wanted.prompt_format,
        unpack=load_unpacked,
    )


def check_engine(config: EngineConfig, reporter: Reporter, recipes: Sequence[Recipe] = ()) -> None:
    """See before any long work that an engine is there, and tell which variants it can't serve.

    Raises:
        ConfigError: If vLLM can't be installed, or the key of a server is missing.
        EndpointError: If no vLLM answers at the `url`.
    """
    if config.name != "vllm":
        return
    if config.url is None:
        vllm_python(config, reporter)
    else:
        served_models(_url(config), config.api_key())
    for recipe in recipes:
        if why := unserved_bits(recipe.bits.weight_bits):
            tell_fallback(reporter, recipe.name, why)


def vllm_python(config: EngineConfig, reporter: Reporter) -> Path:
    """Return the interpreter of an environment with vLLM, which is made when there is none.

    Raises:
        ConfigError: If it can't be made, or the one that is named isn't there.
    """
    if config.python is not None:
        if not config.python.is_file():
            raise ConfigError(
                f"engine.python: {config.python}: no such file",
                hint="Name the interpreter of an environment that has vLLM, such as .venv-vllm/bin/python",
            )
        return config.python
    return made(environment(), "vLLM", reporter)


def tell_fallback(reporter: Reporter, name: str, why: str) -> None:
    """Say in one line that transformers generates with a model, and why."""
    reporter.say(f"{name}: {why}; generating with transformers instead.")


def _served(
    wanted: Wanted, config: EngineConfig, reporter: Reporter, log: Path, stack: ExitStack
) -> tuple[Served | None, str]:
    """The model as vLLM serves it, else why it doesn't."""
    if why := unserved(wanted.folder, wanted.adapter):
        return None, why
    if config.url is not None:
        url, key = _url(config), config.api_key()
        found = find_served(url, key, wanted.name, wanted.adapter or wanted.folder)
        served = ", ".join(str(one["id"]) for one in served_models(url, key))
        return found, f"not served at {url} (there: {served}; --served-model-name names a model)"
    python = vllm_python(config, reporter)
    with reporter.task(f"Starting vLLM: {wanted.name}") as bar:
        server = VLLMServer(
            python,
            wanted.folder,
            name=wanted.name,
            adapter=wanted.adapter,
            log=log,
            config=config,
            report=bar.note,
            say=reporter.say,
        )
        return stack.enter_context(server).served, ""


def _url(config: EngineConfig) -> str:
    assert config.url is not None
    return config.endpoint("any", config.url).base_url
