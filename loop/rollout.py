"""The rollout judge, which needs the full-precision model."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..annotate.grading import Grader
from ..datasets.errors import ConfigError
from ..judge.case import Judge
from .folder import FULL_PRECISION


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
    from ..annotate.engines.engine import Sampling
    from ..annotate.engines.transformers import TransformersEngine
    from ..judge.rollout import RolloutJudge
    from ..quant.formats.loading import load_unpacked
    from .models import reaches

    engine = TransformersEngine.load(model, name=FULL_PRECISION, unpack=load_unpacked)
    return RolloutJudge(engine, reaches(grader), sampling=Sampling(max_tokens=max_tokens))


@dataclass(frozen=True)
class FileRollout:
    """Makes the rollout judge of a model folder, in any process."""

    model: Path | None
    max_tokens: int

    def __call__(self, grader: Grader, stack: ExitStack) -> Judge:
        """Load the model.

        Raises:
            ConfigError: If none is named.
        """
        return load_rollout(self.model, self.max_tokens, grader)
