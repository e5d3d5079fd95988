"""The rollout judge of a process, which several threads share."""

import threading
from collections.abc import Iterator, Sequence

from ...annotate.grading import Grader
from ...datasets.errors import ConfigError
from ...datasets.records import Verdict
from ...judge.case import Case, Judge
from ...loop.rollout import load_rollout
from ..config import ServiceConfig


class SharedRollout:
    """Makes the rollout judge: the model is loaded once, by who first needs it, and runs for one at a time.

    Args:
        config: Names the model.
        grader: Tells right answers.
    """

    def __init__(self, config: ServiceConfig, grader: Grader) -> None:
        self._config = config
        self._grader = grader
        self._made: Judge | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Judge:
        """Return the judge.

        Raises:
            ConfigError: If the model can't be loaded.
        """
        with self._lock:
            if self._made is None and self._config.model is None:
                raise ConfigError(
                    "the rollout judge needs a model, and this process knows of none",
                    hint="Give workers the service's file: `firstfault worker --config FILE`; then resume",
                )
            if self._made is None:
                judge = load_rollout(self._config.model, self._config.max_tokens, self._grader)
                self._made = _InTurn(judge)
            return self._made


class _InTurn:
    """A judge that is asked by one thread at a time: several would only hold each other up."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._judge.name

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        with self._lock:
            yield from self._judge.judge(cases)
