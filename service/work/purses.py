"""What keys may spend on single solutions, which are judged while others of the same key are."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from ...annotate.engines.endpoint import Budget
from ...annotate.engines.spending import Spending
from ..store import keys
from ..store.database import Database
from .budgets import SpentError


class _Purse:
    def __init__(self) -> None:
        self.spending = Spending()
        self.users = 0
        self.charged = 0.0


class Purses:
    """What keys may spend on single solutions: those that are judged at the same time share what is left.

    Args:
        database: Where the keys are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[str, _Purse] = {}
        self._lock = threading.Lock()

    @contextmanager
    def opened(self, key_id: str | None, budget: Budget) -> Generator[Spending]:
        """Give what one solution is paid from; at the end that is charged to the key.

        Args:
            key_id: The key; none where no keys are needed.
            budget: What a key without a budget may spend on one solution.

        Raises:
            SpentError: If nothing is left.
        """
        if key_id is None:
            yield Spending(budget)
            return
        purse = self._take(key_id, budget)
        try:
            yield purse.spending
        finally:
            self._give_back(key_id, purse)

    def _take(self, key_id: str, budget: Budget) -> _Purse:
        with self._lock:
            with self._database.session() as session:
                usd = keys.left(session, key_id)
            if usd is None:
                purse = _Purse()
                purse.spending.budget = budget
            elif usd <= 0:
                raise SpentError
            else:
                purse = self._open.setdefault(key_id, _Purse())
                # Jobs of the key may have spent something since it was opened.
                purse.spending.budget = Budget(usd=usd + purse.charged)
            purse.users += 1
            return purse

    def _give_back(self, key_id: str, purse: _Purse) -> None:
        with self._lock:
            purse.users -= 1
            if not purse.users and self._open.get(key_id) is purse:
                del self._open[key_id]
            usd = purse.spending.usd
            with self._database.session() as session:
                keys.spend(session, key_id, usd - purse.charged)
            purse.charged = usd
