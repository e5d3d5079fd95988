"""The rollout judge, which needs the full-precision model."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..annotate.engines.engine import Sampling
from ..annotate.grading import Grader
from ..datasets.errors import ConfigError
from ..judge.case import Judge
from .engines import model_fingerprint
from .executors.generating import Loading
from .folder import FULL_PRECISION
from .threads import use_threads


def load_rollout(model: Path | None, max_tokens: int, grader: Grader) -> Judge:
    """Load the rollout judge.

    Args:
        model: The full-precision model.
        max_tokens: Longest continuation.
        grader: Tells right answers.

    Raises:
        ConfigError: If no model is named.
    """
    if model is None:
        raise ConfigError("the rollout judge needs a model", hint="Give the full-precision model by --model")
    from ..annotate.engines.transformers import TransformersEngine
    from ..judge.rollout import RolloutJudge
    from ..quant.formats.loading import load_unpacked
    from .models import reaches

    engine = TransformersEngine.load(model, name=FULL_PRECISION, unpack=load_unpacked)
    return RolloutJudge(engine, reaches(grader), sampling=Sampling(max_tokens=max_tokens))


@dataclass(frozen=True)
class ModelRollout:
    """Makes the rollout judge of a run, in any process."""

    loading: Loading
    sampling: Sampling
    samples: int
    temperature: float

    @property
    def wants_accelerator(self) -> bool:
        """Whether it runs the model itself."""
        return self.loading.wants_accelerator

    @property
    def processors(self) -> int:
        """Processors that it keeps busy."""
        return self.loading.threads

    def __call__(self, grader: Grader, stack: ExitStack) -> Judge:
        """Load the model, until the stack is closed."""
        from ..judge.rollout import RolloutJudge
        from .models import reaches

        return RolloutJudge(
            self.loading.opened(stack),
            reaches(grader),
            sampling=self.sampling,
            samples=self.samples,
            temperature=self.temperature,
        )

    def described(self) -> object:
        """All that its verdicts depend on."""
        return [self.loading.described(), self.sampling.model_dump(mode="json")]


@dataclass(frozen=True)
class FileRollout:
    """Makes the rollout judge of a model folder, in any process."""

    model: Path | None
    max_tokens: int
    processors: int = 2
    """Threads, the same in every process: verdicts may depend on them."""

    wants_accelerator = True

    def described(self) -> object:
        """All that its verdicts depend on."""
        return [model_fingerprint(self.model), self.max_tokens, self.processors]

    def __call__(self, grader: Grader, stack: ExitStack) -> Judge:
        """Load the model.

        Raises:
            ConfigError: If none is named.
        """
        use_threads(self.processors)
        return load_rollout(self.model, self.max_tokens, grader)
