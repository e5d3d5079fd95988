"""Judging as work for an executor: items of a file, or the cases of a run."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

from ...annotate.engines.ledger_place import LedgerPlace, is_shared
from ...annotate.engines.spending import Spending
from ...annotate.grading import Grader
from ...datasets.errors import ConfigError, EndpointError, InputError
from ...datasets.records import Problem, Solution, Verdict
from ...datasets.store import file_sha256
from ...judge.case import Case, Judge
from ...judge.config import JudgeConfig
from ...judge.judged import Judged, judge_items
from ...judge.llm import is_unanswered, is_unasked, why_unasked
from ...judge.members import Member, assemble, members
from ...judge.panel import PanelJudge
from ...judge.processbench import read_item, read_item_rows
from .executor import Do, Done, Executor
from .shards import Item


class MakeRollout(Protocol):
    """Makes the rollout judge. It is pickled."""

    @property
    def wants_accelerator(self) -> bool:
        """Whether it runs a model where it is made."""
        ...

    @property
    def processors(self) -> int:
        """Processors that it keeps busy."""
        ...

    def described(self) -> object:
        """All that its verdicts depend on besides the panel's configuration, as JSON."""
        ...

    def __call__(self, grader: Grader, stack: ExitStack) -> Judge:
        """Make it; what it starts ends with the stack."""
        ...


_MANNERS = {
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "timeout",
    "retries",
    "api_key_env",
}
"""How an endpoint is asked, which changes no answer: whoever asks more slowly goes on where they were."""


@dataclass(frozen=True)
class Panel:
    """A panel that any process can make.

    Args:
        config: Who judges.
        ledger: Where answers are kept if the configuration names no place.
        rollout: Makes the rollout judge.
        spending: Where all processes count what they spend.
    """

    config: JudgeConfig
    # Not shown: it may hold a password, and what a cluster is given is shown in its errors.
    ledger: LedgerPlace = field(repr=False)
    rollout: MakeRollout
    spending: Spending | None = None

    @property
    def wants_accelerator(self) -> bool:
        """Whether it has a model to run."""
        return self._has_model and self.rollout.wants_accelerator

    @property
    def processors(self) -> int:
        """Processors that it keeps busy."""
        return self.rollout.processors if self._has_model else 1

    def described(self) -> object:
        """All that verdicts depend on: not what they may cost, nor where answers are kept."""
        without = {"budget", "ledger", "injected", "shard_size", "calibration", "panel"}
        calibration = self.config.calibration
        members = [
            one if isinstance(one, str) else one.model_dump(mode="json", exclude=_MANNERS)
            for one in self.config.panel
        ]
        return {
            "judge": {**self.config.model_dump(mode="json", exclude=without), "panel": members},
            "calibration": file_sha256(calibration) if calibration is not None else None,
            "rollout": self.rollout.described() if self._has_model else None,
        }

    @contextmanager
    def opened(self) -> Generator[tuple[PanelJudge, tuple[Member, ...]]]:
        """Make the judges."""
        with ExitStack() as stack:
            grader = stack.enter_context(Grader())
            made = members(
                self.config,
                lambda: self.rollout(grader, stack),
                ledger=self.ledger,
                spending=self.spending,
            )
            asked = stack.enter_context(made)
            yield assemble(asked, self.config, skipped=_nothing, say=_nothing), asked

    @property
    def _has_model(self) -> bool:
        return "rollout" in self.config.panel

    def on(self, executor: Executor) -> "Panel":
        """Return the panel as it is asked by an executor: with one budget for all processes.

        Raises:
            ConfigError: If it would be asked through the Batch API, or would pay for answers that other
                machines don't see.
        """
        for llm in self.config.llms:
            if llm.batch is not None:
                raise ConfigError(
                    f"{llm.model}: a Batch API is asked for all solutions at once",
                    hint="Leave out `batch`, or --executor.",
                )
            if not (llm.is_local or executor.is_here or is_shared(self.config.ledger or self.ledger)):
                raise ConfigError(
                    f"judge.ledger: {self.config.ledger or self.ledger} is a file, which other machines "
                    f"don't see, and asking {llm.model} may cost money",
                    hint="Give a database: ledger: postgresql://USER@HOST/NAME",
                )
        if not self.config.llms:
            return self
        longest = max(llm.timeout for llm in self.config.llms)
        return replace(self, spending=executor.spending(self.config.budget, longest))


@dataclass(frozen=True)
class JudgeItems:
    """Judges the items of a file, as `item_rows` gives them."""

    panel: Panel

    kind = Judged

    @property
    def wants_accelerator(self) -> bool:
        """Whether the panel has a model to run."""
        return self.panel.wants_accelerator

    @property
    def processors(self) -> int:
        """Processors that it keeps busy."""
        return self.panel.processors

    def described(self) -> object:
        """All that rows depend on."""
        return self.panel.described()

    @contextmanager
    def opened(self) -> Generator[Do[Judged]]:
        """Make the judges."""
        with self.panel.opened() as (judge, asked):

            def do(items: Sequence[Item]) -> Done[Judged]:
                read = [read_item(one["row"], one["place"], f"item {one['place']}", {}) for one in items]
                found = judge_items(read, judge, asked)
                _see_all_asked(found.unasked, found.why)
                return Done(found.rows, failed=found.failed > 0)

            yield do


@dataclass(frozen=True)
class JudgeCases:
    """Judges cases, as `case_item` writes them."""

    panel: Panel

    kind = Verdict

    @property
    def wants_accelerator(self) -> bool:
        """Whether the panel has a model to run."""
        return self.panel.wants_accelerator

    @property
    def processors(self) -> int:
        """Processors that it keeps busy."""
        return self.panel.processors

    def described(self) -> object:
        """All that verdicts depend on."""
        return self.panel.described()

    @contextmanager
    def opened(self) -> Generator[Do[Verdict]]:
        """Make the judges."""
        with self.panel.opened() as (judge, _):

            def do(items: Sequence[Item]) -> Done[Verdict]:
                verdicts = list(judge.judge([_case(item) for item in items]))
                unasked = [verdict for verdict in verdicts if is_unasked(verdict)]
                _see_all_asked(len(unasked), why_unasked(unasked))
                return Done(verdicts, failed=any(is_unanswered(one) for one in verdicts))

            yield do


def item_rows(path: Path, problems: Sequence[Problem] = ()) -> Iterator[Item]:
    """Yield the items of a file so that each can be read without the others.

    Args:
        path: As `read_cases` reads it.
        problems: The problems that our solutions are about; every item carries its own along.

    Raises:
        InputError: As `read_cases`, once the item in question is reached.
    """
    known = {problem.id: problem for problem in problems}
    place = -1
    for place, (where, row) in enumerate(read_item_rows(path)):
        item = read_item(row, place, where, known)
        if known and item.case is not None and isinstance(row, dict) and "problem_id" in row:
            row = {**cast(dict[str, Any], row), "problem": item.case.problem.model_dump(mode="json")}
        yield {"row": row, "place": place}
    if place < 0:
        raise InputError(f"{path}: no items", hint="Give a file with at least one solution.")


def case_item(case: Case) -> Item:
    """Write a case as JSON."""
    full = case.full_precision
    return {
        "problem": case.problem.model_dump(mode="json"),
        "solution": case.solution.model_dump(mode="json"),
        "full_precision": None if full is None else full.model_dump(mode="json"),
    }


def _case(item: Item) -> Case:
    full = item["full_precision"]
    return Case(
        Problem.model_validate(item["problem"]),
        Solution.model_validate(item["solution"]),
        None if full is None else Solution.model_validate(full),
    )


def _see_all_asked(unasked: int, why: str) -> None:
    """Refuse to take for a result what is only missing yet."""
    if unasked:
        raise EndpointError(
            f"judge: {unasked} solutions were not judged: {why}",
            hint="Run the same command again: what was answered is kept.",
        )


def _nothing(_: object) -> None:
    pass
