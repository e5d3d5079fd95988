"""What takes long to start and is shared: a model small enough to quantize and train, servers."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from firstfault.annotate.argilla.server.environment import environment
from firstfault.datasets.errors import ConfigError
from hub_server import WRITER, HubServer
from hypothesis import settings
from postgres import Postgres, programs
from serving import Serving

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# Of a shell that starts the tests in the background, they and all that they start would ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together when several run at once: those that share what takes long to start."""
    for item in items:
        folders = item.path.relative_to(Path(__file__).parent).parts
        group = str(item.path)
        if "executors" in folders:
            group = "ray"
        elif "argilla" in folders or "review" in item.path.stem:
            group = "review"
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres | None]:
    """A PostgreSQL server; none where it isn't installed."""
    folder = programs()
    if folder is None:
        yield None
        return
    with Postgres(folder) as server:
        yield server


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A folder with a random Qwen2 of 0.3M parameters and a byte-level tokenizer with a chat template."""
    pytest.importorskip("transformers", reason="needs the extra `local`")
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM, set_seed

    # At this size threads only wait for each other, and for whatever else the machine runs.
    torch.set_num_threads(1)

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = byte_tokenizer()
    set_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_tokenizer():
    """One token per byte, so that any text can be encoded and every count is known."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(specials + alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=512
    )
    fast.chat_template = TEMPLATE
    return fast


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[HubServer]:
    """A local Hub that the client of this process speaks to, as somebody who may write."""
    import huggingface_hub.constants
    import huggingface_hub.utils._http as client

    with HubServer() as server:
        # What HF_ENDPOINT sets, which the client reads when it is imported.
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", WRITER)
        # The client waits for half a minute between its retries; nothing else of it is changed.
        quick = SimpleNamespace(**{**vars(client.time), "sleep": lambda seconds: None})
        monkeypatch.setattr(client, "time", quick)
        yield server


@pytest.fixture(scope="session")
def server_python() -> Path:
    """Python of Argilla's environment; where it can't be installed, what needs it is skipped."""
    try:
        return environment().ensure(lambda done, what: None)
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def serving(server_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A real Argilla server, started once for all tests."""
    with Serving(tmp_path_factory.mktemp("argilla") / "data") as running:
        yield running
        assert running.stop(signal.SIGTERM) == 0
