"""What judging may cost, and what was paid for it: of a job, of its key, and of its panel."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from ...annotate.engines.endpoint import Budget
from ...annotate.engines.spending import Spending
from ...datasets.errors import InputError
from ...judge.config import JudgeConfig
from ..store import keys
from ..store.database import Database
from ..store.tables import Job
from ..store.tallies import TOKENS, USD, Counts, add

_RAISE = "`firstfault key budget ID USD` raises it"
_PANEL = "what its panel may spend on a job is spent"


class SpentError(InputError):
    """Nothing is left of a key's budget."""

    def __init__(self) -> None:
        super().__init__("this key's budget is spent", hint=_RAISE)


def has_budget(session: Session, job: Job) -> bool:
    """Whether a job, or all that is judged for its key together, may cost only so much."""
    if not JudgeConfig.model_validate(job.judges).llms:
        return False
    return job.budget_usd is not None or keys.left(session, job.key_id) is not None


class Left(NamedTuple):
    """What may still be paid for a job."""

    usd: float | None
    """US dollars; `None` without a limit."""
    tokens: int | None
    reason: str
    """What to say once it is spent."""

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return (self.usd is not None and self.usd <= 0) or (self.tokens is not None and self.tokens <= 0)

    @property
    def budget(self) -> Budget:
        """The same as judges take it, unless it is spent."""
        return Budget(usd=self.usd, tokens=self.tokens)

    def why(self, spending: Spending) -> str:
        """Say which limit it is that ended this spending."""
        if self.tokens is None:
            return self.reason
        by_tokens = self.usd is None or spending.tokens / self.tokens > spending.usd / self.usd
        return _PANEL if by_tokens else self.reason


def left(session: Session, job: Job) -> Left:
    """Return what may still be paid for a job: its own budget, its key's and its panel's all hold.

    What asks no language model costs nothing and has no limit.
    """
    judges = JudgeConfig.model_validate(job.judges)
    if not judges.llms:
        return Left(None, None, "")
    panel = judges.budget
    own = None if job.budget_usd is None else job.budget_usd - job.usd
    limits = [
        (own, "its budget is spent. Resume it with a larger one"),
        (keys.left(session, job.key_id), f"the budget of its key is spent. {_RAISE}; then resume the job"),
        (None if panel.usd is None else panel.usd - job.usd, _PANEL),
    ]
    usd, reason = min(((usd, why) for usd, why in limits if usd is not None), default=(None, _PANEL))
    tokens = None if panel.tokens is None else panel.tokens - job.tokens
    return Left(usd, tokens, _PANEL if tokens is not None and tokens <= 0 else reason)


class Bill:
    """Charges what is paid while a job is judged to the job, to its key and to the metrics.

    What is charged is what was paid, and as soon as something is stored: not what verdicts are worth, since
    not all that is paid for becomes one.

    Args:
        database: Where the job is.
        job: Which.
        spending: Counts what is paid.
    """

    def __init__(self, database: Database, job: Job, spending: Spending) -> None:
        self._database = database
        self._job = job
        self._spending = spending
        self._usd, self._tokens = 0.0, 0

    @contextmanager
    def session(self) -> Generator[Session]:
        """Give a session at whose end all that was paid until its start is charged."""
        usd, tokens = self._spending.usd, self._spending.tokens
        with self._database.session() as session:
            yield session
            self._charge(session, usd - self._usd, tokens - self._tokens)
        self._usd, self._tokens = usd, tokens

    def settle(self) -> None:
        """Charge what was not charged yet."""
        with self.session():
            pass

    def _charge(self, session: Session, usd: float, tokens: int) -> None:
        if not usd and not tokens:
            return
        job = self._job
        session.execute(
            update(Job).where(Job.id == job.id).values(usd=Job.usd + usd, tokens=Job.tokens + tokens)
        )
        # Also where the job was deleted meanwhile.
        keys.spend(session, job.key_id, usd)
        counts = Counts()
        counts.count(TOKENS, tokens, panel=job.panel)
        counts.count(USD, usd, panel=job.panel)
        add(session, counts)
