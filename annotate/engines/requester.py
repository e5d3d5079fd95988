"""One request until it is answered or given up."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ...datasets.records import Usage
from .chat import Answer, Ask, Ending
from .commits import Commits
from .endpoint import Endpoint
from .faults import Fault, Kind, Scrubber, read_fault
from .ledger import Ledger
from .pacing import FIRST_LIMIT, Gate, Pause, Rate, Slots, backoff
from .reply import Reply, UnusableReplyError, read_reply, read_usage
from .spending import Spending

if TYPE_CHECKING:
    from .client import Client

_LONGEST_WAIT = 3600.0
_LOOK_AGAIN = 0.02


class Stop(Exception):  # noqa: N818
    """Nothing more is to be asked in this run; the text says why and how to go on."""


class Manners:
    """What is learned about an endpoint and holds from one run to the next."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.requests = Rate(endpoint.requests_per_minute)
        self.tokens = Rate(endpoint.tokens_per_minute)
        self.takes_schemas = endpoint.schema_support != "none"
        self.has_answered = False
        self.limit = FIRST_LIMIT
        self.mean_completion = 200.0
        """Tokens of an answer so far, to reckon with before it comes."""


class Tools(NamedTuple):
    """What requests of one run share."""

    endpoint: Endpoint
    client: "Client"
    slots: Slots
    gate: Gate
    pause: Pause
    spending: Spending
    manners: Manners
    scrubber: Scrubber
    rng: random.Random
    ledger: Ledger | None
    commits: Commits | None
    stopped: asyncio.Event
    """Set when nothing more is to be asked."""


class Requester:
    """Asks for one answer at a time, as often as it takes and is allowed."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def answer(self, key: str, ask: Ask) -> Answer:
        """Ask until there is an answer that can be used, or the retries are used up.

        Raises:
            Stop: If nothing more may be asked.
            EndpointError: If the endpoint can't be used at all.
        """
        endpoint, manners = self._tools.endpoint, self._tools.manners
        wasted = Usage()
        fault = Fault(Kind.PASSING, "never asked")
        attempt = 0
        while attempt <= endpoint.retries:
            with_schema = manners.takes_schemas and ask.schema is not None
            outcome = await self._attempt(key, ask, with_schema)
            if isinstance(outcome, Reply):
                return self._settle(key, ask, outcome, wasted)
            fault, usage = outcome
            wasted = _sum(wasted, usage)
            if fault.kind is Kind.NO_SCHEMA and endpoint.schema_support == "auto" and with_schema:
                manners.takes_schemas = False
                continue
            self._stop_if_hopeless(fault)
            if fault.kind not in (Kind.CROWDED, Kind.PASSING, Kind.UNREACHABLE):
                break
            attempt += 1
            if attempt <= endpoint.retries:
                await self._wait(fault, attempt)
        if fault.kind is Kind.UNREACHABLE and not manners.has_answered:
            raise fault.error(endpoint)
        tries = f" ({attempt} attempts)" if attempt > 1 else ""
        return self._fail(key, ask, fault.reason + tries, wasted)

    async def _attempt(self, key: str, ask: Ask, with_schema: bool) -> Reply | tuple[Fault, Usage]:
        """Ask once, when it is its turn."""
        tools = self._tools
        body = tools.endpoint.body(ask, with_schema=with_schema)
        number = await tools.slots.take()
        try:
            if tools.stopped.is_set():
                raise Stop("stopped")
            reckoned = await self._wait_for_leave(ask)
            try:
                outcome = await self._post(key, ask, body)
            finally:
                tools.spending.stop()
            if isinstance(outcome, Reply):
                used = outcome.usage.prompt_tokens + outcome.usage.completion_tokens
                tools.manners.tokens.correct(used - reckoned)
                tools.slots.answered(number)
            elif outcome[0].kind is Kind.CROWDED:
                tools.slots.crowded(number)
            else:
                tools.slots.failed(number)
            return outcome
        finally:
            tools.slots.free()

    async def _wait_for_leave(self, ask: Ask) -> float:
        """Wait for gate, rates and budget; return the tokens that the request is reckoned to use.

        Raises:
            Stop: If the budget is spent.
        """
        tools = self._tools
        # Four characters to a token is the usual rule for English; what it is wrong by is corrected later.
        reckoned = sum(len(one.content) for one in ask.messages) / 4 + tools.manners.mean_completion
        wait = max(tools.manners.requests.take(1), tools.manners.tokens.take(reckoned))
        if wait > 0:
            await self._rest(tools.pause(wait))
        await tools.gate.passed()
        while not tools.spending.start():
            if tools.spending.is_spent:
                raise Stop(str(tools.spending))
            await asyncio.sleep(_LOOK_AGAIN)
        return reckoned

    async def _post(self, key: str, ask: Ask, body: Mapping[str, Any]) -> Reply | tuple[Fault, Usage]:
        """Send a request, keep what comes back, then read it."""
        tools, endpoint = self._tools, self._tools.endpoint
        started = time.perf_counter()
        try:
            async with asyncio.timeout(endpoint.timeout):
                raw = await tools.client.post(body)
        except Exception as error:
            fault = read_fault(error, endpoint, ask, tools.scrubber)
            if fault.kind is Kind.NO_SCHEMA and "response_format" not in body:
                fault = fault._replace(kind=Kind.REJECTED)
            return fault, Usage()
        raw = tools.scrubber.clean(raw)
        if tools.ledger is not None and tools.commits is not None:
            latency = time.perf_counter() - started
            store = partial(tools.ledger.store, key, endpoint.base_url, endpoint.model, raw, latency)
            await tools.commits.done(store)
        try:
            reply = read_reply(raw)
        except UnusableReplyError as error:
            usage = read_usage(raw)
            tools.spending.add(usage, self._cost(usage))
            return Fault(Kind.PASSING, f"HTTP 200, but {error}"), usage
        tools.spending.add(reply.usage, self._cost(reply.usage))
        manners = tools.manners
        manners.has_answered = True
        manners.mean_completion += (reply.usage.completion_tokens - manners.mean_completion) / 20
        return reply

    def _stop_if_hopeless(self, fault: Fault) -> None:
        endpoint, has_answered = self._tools.endpoint, self._tools.manners.has_answered
        end: Exception | None = None
        if fault.kind is Kind.SPENT and has_answered:
            end = Stop(f"{fault.reason}. {fault.hint}")
        elif fault.wait is not None and fault.wait > _LONGEST_WAIT:
            end = Stop(
                f"{fault.reason}: wants to be left alone for {fault.wait:.0f} s; run the same again then"
            )
        elif fault.kind in (Kind.UNUSABLE, Kind.SPENT, Kind.NO_SCHEMA) and not has_answered:
            end = fault.error(endpoint)
        if end is not None:
            # At once: whoever got this request's slot would ask in vain.
            self._tools.stopped.set()
            raise end

    async def _wait(self, fault: Fault, attempt: int) -> None:
        delay = backoff(attempt - 1, self._tools.rng)
        if fault.wait is not None:
            await self._rest(self._tools.gate.hold(fault.wait))
            # A little later than asked for, so that not all come back at the same instant.
            delay = min(delay, 1.0)
        await self._rest(self._tools.pause(delay))

    async def _rest(self, wait: Coroutine[Any, Any, object]) -> None:
        """Wait, but no longer than there is something to wait for."""
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(wait),
            asyncio.create_task(self._tools.stopped.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _settle(self, key: str, ask: Ask, reply: Reply, wasted: Usage) -> Answer:
        usage = _sum(reply.usage, wasted)
        cost = self._cost(usage)
        self._later(lambda ledger: ledger.settle(key, usage, cost))
        return as_answer(ask, reply, usage, cost, self._tools.endpoint)

    def _fail(self, key: str, ask: Ask, reason: str, wasted: Usage) -> Answer:
        endpoint = self._tools.endpoint
        self._later(lambda ledger: ledger.fail(key, endpoint.base_url, endpoint.model, reason))
        return Answer(ask.key, Ending.FAILED, usage=wasted, cost=self._cost(wasted), reason=reason)

    def _later(self, write: Callable[[Ledger], None]) -> None:
        ledger, commits = self._tools.ledger, self._tools.commits
        if ledger is not None and commits is not None:
            commits.later(partial(write, ledger))

    def _cost(self, usage: Usage) -> float:
        price = self._tools.endpoint.price
        return price.of(usage) if price else 0.0


def as_answer(
    ask: Ask, reply: Reply, usage: Usage, cost: float, endpoint: Endpoint, *, from_ledger: bool = False
) -> Answer:
    """Return what a body says as the answer to an ask."""
    reasons = {
        Ending.LENGTH: f"cut off at the limit of {endpoint.max_tokens} tokens",
        Ending.FILTERED: "stopped by the endpoint's content filter",
        Ending.REFUSED: "the model declined to answer",
    }
    return Answer(
        key=ask.key,
        ending=reply.ending,
        text=reply.text,
        reasoning=reply.reasoning,
        usage=usage,
        cost=cost,
        from_ledger=from_ledger,
        reason=reasons.get(reply.ending),
    )


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        requests=one.requests + other.requests,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
    )
