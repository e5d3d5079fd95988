from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from firstfault.annotate.engines.engine import Completion, Prompt, Sampling
from firstfault.datasets.records import Finish

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"real data is not at {DATA}")
    return DATA


class ScriptedEngine:
    """Completes the prefixes it knows; records every batch it was asked for."""

    name = "scripted"

    def __init__(self, script: dict[str, str | list[str]], otherwise: str = "Answer: -7") -> None:
        self.script = script
        self.otherwise = otherwise
        self.batches: list[list[tuple[str, str]]] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        self.batches.append([(prompt.question, prompt.prefix) for prompt in prompts])
        for prompt in reversed(prompts):
            for sample in range(sampling.samples):
                text = self.script.get(prompt.prefix, self.otherwise)
                if isinstance(text, list):
                    text = text[0] if sampling.temperature == 0 else text[1 + sample % (len(text) - 1)]
                yield Completion(prompt.key, sample, text, Finish.STOP, 5)


@pytest.fixture
def scripted() -> type[ScriptedEngine]:
    return ScriptedEngine


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """The module `tests/simulated.py`."""
    import simulated

    return simulated
