"""The models of a run by name: full precision, its variants, the restored variant."""

from collections.abc import Callable
from pathlib import Path

from ..annotate.answers import extract_answer
from ..annotate.engines.loading import load_tokenizer
from ..annotate.engines.transformers import TransformersEngine
from ..annotate.grading import Grader
from ..annotate.prompts import Example, PromptFormat
from ..datasets.records import Problem
from ..models import BUNDLED
from ..quant.formats.loading import load_unpacked
from ..restore.adapter import placed
from .config import RunConfig
from .folder import FULL_PRECISION, RunFolder
from .journal import Journal, JournaledEngine

RESTORED = "-restored"


def restored_name(variant: str) -> str:
    """Name under which a restored variant's solutions stand."""
    return variant + RESTORED


class Models:
    """Loads the models of a run, one at a time, so that memory holds one.

    Args:
        config: The run's configuration.
        folder: Where its checkpoints are.
    """

    def __init__(self, config: RunConfig, folder: RunFolder) -> None:
        self.config = config
        self._folder = folder
        self._loaded: TransformersEngine | None = None

    @property
    def base(self) -> Path:
        """Folder of the full-precision model."""
        return self.config.model or BUNDLED

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
        variant = name.removesuffix(RESTORED)
        if variant == name:
            return self._folder.variant(name), None
        return placed(self._folder.variant(variant), self._folder.restored(variant))

    def engine(
        self, name: str, journal: Journal, done: Callable[[int], None] | None = None
    ) -> JournaledEngine:
        """An engine whose finished batches are kept in a journal."""
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None
            folder, adapter = self.checkpoint(name)
            self._loaded = TransformersEngine.load(
                folder,
                name=name,
                adapter=adapter,
                batch_size=self.config.batch_size,
                prompt_format=self.prompt,
                unpack=load_unpacked,
            )
        return JournaledEngine(self._loaded, journal, done)

    def release(self) -> None:
        """Forget the loaded model, before others are loaded that memory must hold."""
        self._loaded = None

    def renderer(self) -> Callable[[str, str], str]:
        """Makes the prompt text of (question, prefix)."""
        tokenizer = load_tokenizer(self.base)
        prompt = self.prompt
        return lambda question, prefix: prompt.render(tokenizer, question, prefix)


def reaches(grader: Grader) -> Callable[[Problem, str], bool]:
    """Whether a full solution text states the reference answer; a number in passing does not count."""
    return lambda problem, text: grader.grade(extract_answer(text), problem.answer).correct
