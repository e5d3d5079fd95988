"""Asking a vLLM's completions endpoint, many requests at a time."""

import asyncio
import json
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

from ...datasets.errors import EndpointError
from .background import Background
from .chat import Ask
from .client import Client
from .endpoint import Endpoint
from .faults import Fault, Kind, Scrubber, read_fault
from .pacing import backoff

_AGAIN = (Kind.CROWDED, Kind.PASSING, Kind.UNREACHABLE)
_NO_VLLM = "See that it is a vLLM that returns token ids (0.10 or newer)"


class Request(NamedTuple):
    """One request, and what was asked in words, so that no error quotes it."""

    number: int
    body: dict[str, Any]
    ask: Ask


class Choice(NamedTuple):
    """One completion as the server returned it."""

    tokens: list[int]
    """End token included when there is one."""
    finish: str
    """vLLM's reason: `stop`, `length`, `repetition`."""
    prompt: list[dict[str, Any] | None]
    """Log-probabilities of the prompt's tokens, where asked for."""


class CompletionsClient:
    """Keeps a completions endpoint busy.

    Args:
        endpoint: Where it is, and how many requests it takes at a time.
        key: Of the API.
        check: Raises if the server is known to have ended.
    """

    def __init__(self, endpoint: Endpoint, key: str, check: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._key = key
        self._check = check
        self._scrubber = Scrubber(key)

    def answers(self, requests: Sequence[Request]) -> Generator[tuple[int, list[Choice]]]:
        """Yield the number of every request with its choices, each as soon as it is known.

        Raises:
            EndpointError: If the server ends, refuses a request, or gives no answer in several attempts.
        """
        background = Background[tuple[int, list[Choice]]](partial(self._main, iter(requests), len(requests)))
        with closing(background.results()) as results:
            yield from results

    async def _main(
        self,
        requests: Iterator[Request],
        count: int,
        deliver: Callable[[tuple[int, list[Choice]]], None],
    ) -> None:
        client = Client(self._endpoint, self._key)

        async def work() -> None:
            # One iterator for all: whoever is free takes the next.
            for request in requests:
                deliver((request.number, _read(await self._answer(client, request))))

        tasks = [asyncio.create_task(work()) for _ in range(min(self._endpoint.concurrency, count))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.close()

    async def _answer(self, client: Client, request: Request) -> str:
        rng = random.Random(request.number)
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._endpoint.timeout):
                    return await client.post(request.body, "completions")
            except Exception as error:
                fault = read_fault(error, self._endpoint, request.ask, self._scrubber)
            self._check()
            if fault.kind not in _AGAIN or attempt == self._endpoint.retries:
                raise self._given_up(fault)
            await asyncio.sleep(backoff(attempt, rng) if fault.wait is None else fault.wait)
            attempt += 1

    def _given_up(self, fault: Fault) -> EndpointError:
        hint = fault.hint or "See what the server logs, then run the same command again: what is done is kept"
        return EndpointError(f"vLLM at {self._endpoint.base_url}: {fault.reason}", hint=hint)


def _read(raw: str) -> list[Choice]:
    try:
        choices = sorted(json.loads(raw)["choices"], key=lambda one: one["index"])
        return [
            Choice(
                [int(token) for token in one["token_ids"]],
                str(one["finish_reason"]),
                list(one.get("prompt_logprobs") or ()),
            )
            for one in choices
        ]
    except (ValueError, KeyError, TypeError):
        raise EndpointError("what the server answers is no completion of vLLM", hint=_NO_VLLM) from None
