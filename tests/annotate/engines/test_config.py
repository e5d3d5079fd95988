import pytest
from firstfault.annotate.engines.config import EngineConfig
from firstfault.annotate.engines.endpoint import NO_KEY
from firstfault.datasets.errors import ConfigError
from pydantic import ValidationError


def test_a_bare_name_stands_for_its_defaults():
    assert EngineConfig.model_validate("vllm") == EngineConfig(name="vllm")
    assert EngineConfig.model_validate({}).name == "transformers"


def test_what_is_written_out_reads_back_as_itself():
    for config in (EngineConfig(), EngineConfig(name="vllm", arguments=("--max-model-len", "4096"))):
        assert EngineConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "llamacpp"}, "'transformers' or 'vllm'"),
        ({"url": "http://localhost:8000/v1"}, "url is for vllm"),
        ({"name": "transformers", "concurrency": 8}, "concurrency is for vllm"),
        ({"name": "vllm", "url": "localhost:8000"}, "is not a URL"),
        (
            {"name": "vllm", "url": "http://localhost:8000/v1", "kv_cache_gb": 4},
            "kv_cache_gb is for a server",
        ),
        ({"name": "vllm", "api_key_env": "KEY"}, "api_key_env is for a server at a url"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(fields, said):
    with pytest.raises(ValidationError, match=said):
        EngineConfig.model_validate(fields)


def test_the_key_of_a_server_comes_from_the_named_variable_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    config = EngineConfig(name="vllm", url="https://vllm.example/v1")
    assert config.api_key() == NO_KEY
    named = config.model_copy(update={"api_key_env": "VLLM_KEY"})
    with pytest.raises(ConfigError, match="has no VLLM_KEY"):
        named.api_key()
    monkeypatch.setenv("VLLM_KEY", "secret")
    assert named.api_key() == "secret"
