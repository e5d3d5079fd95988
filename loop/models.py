"""The models of a run by name: full precision, its variants, the restored variant."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from ..annotate.answers import extract_answer
from ..annotate.engines.engine import Engine
from ..annotate.engines.loading import load_tokenizer
from ..annotate.grading import Grader
from ..annotate.prompts import Example, PromptFormat
from ..datasets.records import Problem, Record
from ..models import BUNDLED
from ..restore.adapter import placed
from .config import RunConfig
from .engines import Wanted, open_engine
from .executors.executor import Executor, shards_of
from .executors.generating import Loading, SpreadEngine
from .folder import FULL_PRECISION, UNTUNED, RunFolder
from .journal import BatchEngine, Journal, JournaledEngine
from .progress import Reporter

RESTORED = "-restored"
_TUNED = "-format-tuned"


def restored_name(variant: str) -> str:
    """Name under which a restored variant's solutions stand."""
    return variant + RESTORED


class Models:
    """Loads the models of a run, one at a time, so that memory holds one.

    A server that it has started runs until another model is asked for, or until `release`.

    Args:
        config: The run's configuration.
        folder: Where its checkpoints are.
        reporter: Where progress is shown.
        executor: Runs them elsewhere; here when left out.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        reporter: Reporter | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.config = config
        self.executor = executor
        self._folder = folder
        self._reporter = reporter or Reporter()
        self._loaded: BatchEngine | None = None
        self._servers = ExitStack()

    @property
    def original(self) -> Path:
        """Folder of the full-precision model that the run was given."""
        return self.config.model or BUNDLED

    @property
    def base(self) -> Path:
        """Folder of the full-precision model that is quantized, compared with and restored to.

        Where the step format is taught first, what that makes; it is there once that stage is done.
        """
        if self.config.format_tuning is None:
            return self.original
        return self._folder.tuned(self.original.name + _TUNED)

    @property
    def prompt(self) -> PromptFormat:
        """How questions are put: once the examples are chosen, with them."""
        chosen = self._folder.facts("examples").get("examples", ())
        return self.config.prompt.plain([Example.model_validate(one) for one in chosen])

    def checkpoint(self, name: str) -> tuple[Path, Path | None]:
        """Folder of a model, and of the adapter on top of it if there is one.

        A variant that is restored in place is a folder of its own.
        """
        if name == FULL_PRECISION:
            return self.base, None
        if name == UNTUNED:
            return self.original, None
        variant = name.removesuffix(RESTORED)
        if variant == name:
            return self._folder.variant(name), None
        return placed(self._folder.variant(variant), self._folder.restored(variant))

    def engine(self, name: str, journal: Journal, done: Callable[[int], None] | None = None) -> Engine:
        """An engine whose finished batches are kept in a journal, or by the executor."""
        if self.executor is not None:
            return SpreadEngine(self.executor, self.loading(name), journal.stage, done)
        model = self.loading(name).wanted.fingerprint()
        return JournaledEngine(self.load(name), journal, done, model=model)

    def loading(self, name: str) -> Loading:
        """How any process loads a model."""
        folder, adapter = self.checkpoint(name)
        wanted = Wanted(name, folder, adapter, self.config.batch_size, self.prompt)
        return Loading(wanted, self.config.engine, self._folder.engine_log.parent, self.config.threads)

    def prepare(self, name: str) -> None:
        """Load a model that is going to run here.

        Raises:
            FirstFaultError: If it can't be loaded or served.
        """
        if self.executor is None:
            self.load(name)

    def close(self, journal: Journal) -> None:
        """Forget what is finished of a stage whose result is written."""
        journal.remove()
        if self.executor is not None:
            shards_of(self.executor, journal.stage, Record).remove()

    def load(self, name: str) -> BatchEngine:
        """Load a model in the place of the one before, or start its server.

        Raises:
            FirstFaultError: If it can't be loaded or served.
        """
        if self._loaded is None or self._loaded.name != name:
            self.release()
            self._loaded = open_engine(
                self.loading(name).wanted,
                self.config.engine,
                self._reporter,
                self._folder.engine_log,
                self._servers,
            )
        return self._loaded

    def release(self) -> None:
        """Give back the memory of the model that is loaded, and stop its server."""
        self._loaded = None
        self._servers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def renderer(self) -> Callable[[str, str], str]:
        """Makes the prompt text of (question, prefix)."""
        tokenizer = load_tokenizer(self.original)
        prompt = self.prompt
        return lambda question, prefix: prompt.render(tokenizer, question, prefix)


def reaches(grader: Grader) -> Callable[[Problem, str], bool]:
    """Whether a full solution text states the reference answer; a number in passing does not count."""
    return lambda problem, text: grader.grade(extract_answer(text), problem.answer).correct
