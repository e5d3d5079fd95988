"""What is spent while asking, and whether the budget allows for more."""

import threading

from ...datasets.errors import ConfigError
from ...datasets.records import Usage
from .endpoint import Budget, Endpoint


class Spending:
    """Tokens and US dollars spent by this process, against a budget. Several chats may share one.

    Requests in flight are reckoned to cost what the answered ones did on average, so that a budget is
    overspent by about one request and not by as many as are in flight.
    """

    _ended = ""
    """Why nothing more is asked, whatever the budget."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.usd = 0.0
        self.tokens = 0
        self._requests = 0
        self._in_flight = 0
        self._lock = threading.Lock()

    @property
    def is_limited(self) -> bool:
        """Whether there is a budget."""
        return self.budget.usd is not None or self.budget.tokens is not None

    def check(self, endpoint: Endpoint) -> None:
        """Refuse a budget that can't be kept.

        Raises:
            ConfigError: If it is in dollars and the endpoint's price is unknown.
        """
        if self.budget.usd is not None and endpoint.price is None:
            raise ConfigError(
                f"budget.usd: {endpoint.model} has no price",
                hint="Give price: {prompt: ..., completion: ...} in US dollars per million tokens, "
                "or a budget in tokens",
            )

    def start(self) -> bool:
        """Count a request as in flight, unless those that are may spend the budget already.

        Until the first is answered nobody knows what one costs: with a budget it goes alone.
        """
        with self._lock:
            if self._ended:
                fits = False
            elif self._requests:
                fits = self._fits(1.0 + (self._in_flight / self._requests))
            else:
                fits = not (self.is_limited and self._in_flight)
            self._in_flight += fits
            return fits

    def stop(self) -> None:
        """Count a request as no longer in flight."""
        with self._lock:
            self._in_flight -= 1

    def add(self, usage: Usage, usd: float) -> None:
        """Count what an answer cost."""
        with self._lock:
            self._requests += 1
            self.tokens += usage.prompt_tokens + usage.completion_tokens
            self.usd += usd

    def end(self, why: str) -> None:
        """Allow no further request; those in flight are answered."""
        self._ended = why

    def affords(self, usd: float, tokens: float) -> bool:
        """Whether so much more would stay within the budget."""
        most_usd, most_tokens = self.budget.usd, self.budget.tokens
        return (most_usd is None or self.usd + usd <= most_usd) and (
            most_tokens is None or self.tokens + tokens <= most_tokens
        )

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be asked."""
        return bool(self._ended) or not self._fits(1.0)

    def __str__(self) -> str:
        if self._ended:
            return self._ended
        budget = f"{self.budget.tokens} tokens"
        if self.budget.usd is not None and self.usd >= self.budget.usd:
            budget = f"${self.budget.usd:g}"
        return f"the budget of {budget} is spent: raise it and run the same again; what was answered is kept"

    def _fits(self, factor: float) -> bool:
        """Whether so many times what was spent is less than the budget."""
        usd, tokens = self.budget.usd, self.budget.tokens
        return (usd is None or self.usd * factor < usd) and (tokens is None or self.tokens * factor < tokens)
