"""Generating as work for an executor: batches of prompts to whoever has the model loaded."""

import os
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...annotate.engines.config import EngineConfig
from ...annotate.engines.engine import Completion, Engine, Prompt, Sampling
from ...annotate.engines.loading import load_tokenizer
from ...annotate.engines.tokens import Tokens
from ...annotate.engines.vllm_support import unserved
from ...datasets.records import Finish, Record, content_id
from ..engines import Wanted, open_engine
from ..progress import Reporter
from ..threads import use_threads
from .executor import Do, Done, Executor, shards_of
from .shards import Item

_ROUNDS = 4
"""How many times the prompts that vLLM works on at a time a shard holds: its end is slow."""


class Completed(Record):
    """A completion, as shards hold it."""

    key: str
    sample: int
    text: str
    finish: Finish
    tokens: int


@dataclass(frozen=True)
class Loading:
    """A model that any process can load.

    Args:
        wanted: The model; its folder is reached from everywhere.
        config: What it is generated with.
        logs: Folder of what servers that are started write.
        threads: Processor threads.
    """

    wanted: Wanted
    config: EngineConfig
    logs: Path
    threads: int

    @property
    def wants_accelerator(self) -> bool:
        """Whether it is run where it is loaded, and not by a server that is there already."""
        return self.config.url is None

    def described(self) -> object:
        """All that completions depend on."""
        prompt = self.wanted.prompt_format.model_dump(mode="json")
        model = [self.wanted.name, self.wanted.fingerprint()]
        return [*model, self.config.name, self.wanted.batch_size, self.threads, prompt]

    def opened(self, stack: ExitStack) -> Engine:
        """Load the model, or start its server, until the stack is closed."""
        use_threads(self.threads)
        log = self.logs / f"vllm-{socket.gethostname()}-{os.getpid()}.log"
        return open_engine(self.wanted, self.config, Reporter(), log, stack)


@dataclass(frozen=True)
class Generate:
    """Completes prompts."""

    loading: Loading
    sampling: Sampling

    kind = Completed

    @property
    def wants_accelerator(self) -> bool:
        """Whether it runs the model itself."""
        return self.loading.wants_accelerator

    @property
    def processors(self) -> int:
        """Processors that it keeps busy."""
        return self.loading.threads

    def described(self) -> object:
        """All that completions depend on besides their prompts."""
        return {"model": self.loading.described(), "sampling": self.sampling.model_dump(mode="json")}

    @contextmanager
    def opened(self) -> Generator[Do[Completed]]:
        """Load the model."""
        with ExitStack() as stack:
            engine = self.loading.opened(stack)

            def do(items: Sequence[Item]) -> Done[Completed]:
                # A shard is one batch of the engine's; it cuts it into the same again.
                prompts = [Prompt(one["key"], one["question"], one["prefix"]) for one in items]
                done = engine.generate(prompts, self.sampling)
                return Done([Completed.model_validate(one._asdict()) for one in done])

            yield do


class SpreadEngine:
    """An engine whose batches are completed by an executor.

    The batches are those of the engine that runs here, so the completions are the same.

    Args:
        executor: Where.
        loading: The model.
        stage: Folder of the shards; it may hold those of several calls.
        done: Told the number of completions after every shard, done now or before.
    """

    def __init__(
        self, executor: Executor, loading: Loading, stage: str, done: Callable[[int], None] | None = None
    ) -> None:
        self._executor = executor
        self._loading = loading
        self._stage = stage
        self._done = done

    @property
    def name(self) -> str:
        """Name of the model it runs, as it stands in records."""
        return self._loading.wanted.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        """Yield every completion of every prompt, a shard at a time."""
        work = Generate(self._loading, sampling)
        asked = [prompt[1:] for prompt in prompts]
        stage = f"{self._stage}/{content_id('g', work.described(), asked)}"
        shards = shards_of(self._executor, stage, Completed)
        # Keys are the caller's names for prompts and no part of the work.
        cuts = self._cut([prompt._replace(key=str(place)) for place, prompt in enumerate(prompts)])
        for shard in self._executor.map(stage, work, [[one._asdict() for one in part] for part in cuts]):
            rows = shards.read(shard)
            for row in rows:
                key = prompts[int(row.key)].key
                yield Completion(key, row.sample, row.text, row.finish, row.tokens)
            if self._done is not None:
                self._done(len(rows))

    def _cut(self, prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        wanted, config = self._loading.wanted, self._loading.config
        if config.name == "vllm" and not unserved(wanted.folder, wanted.adapter):
            size = _ROUNDS * config.concurrency
            return [list(prompts[start : start + size]) for start in range(0, len(prompts), size)]
        return Tokens(load_tokenizer(wanted.folder), wanted.prompt_format).batches(prompts, wanted.batch_size)
