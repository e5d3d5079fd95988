"""What the result files of batches say, kept in the ledger and read as answers."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ...datasets.records import Usage
from .batch_files import Result, read_results
from .chat import Answer, Ask, Ending
from .endpoint import Endpoint
from .faults import NOTHING_SAID, Fault, Kind, Scrubber, read_status
from .ledger import Ledger
from .ledgered import Waiting
from .reply import UnusableReplyError, read_reply, read_usage
from .requester import as_answer
from .spending import Spending

_CHUNK = 500


class Results:
    """Reads results, and decides what is to become of those that are no answers.

    Args:
        endpoint: Whose they are.
        ledger: Keeps them.
        spending: Counts what they cost.
        rounds: How often a request may fail in passing before it is given up.
    """

    def __init__(self, endpoint: Endpoint, ledger: Ledger, spending: Spending, rounds: int) -> None:
        self.with_schema = endpoint.schema_support != "none"
        """Whether the next batch is to hold the model to a schema."""
        self.mean_completion = float(endpoint.max_tokens)
        """Tokens of an answer so far; before there is one, as many as it may have."""
        self.tokens_per_character = 1 / 4
        """Of what was asked so far; before there is an answer, the usual rule for English."""
        self.stopped_because = ""
        """Why nothing more is to be submitted."""
        self._endpoint = endpoint
        self._ledger = ledger
        self._spending = spending
        self._rounds = rounds
        self._failures: Counter[str] = Counter()
        self._answered = 0
        self._characters = 0
        self._prompt_tokens = 0
        self._unusable: Fault | None = None

    def start(self) -> None:
        """Begin a run: what failed in the last one may be tried again."""
        self._failures.clear()
        self.stopped_because = ""
        self._unusable = None

    def read(
        self, path: Path, keys: set[str], waiting: Waiting, scrubber: Scrubber
    ) -> Iterator[tuple[str, Answer]]:
        """Keep the results in a file, and yield the outcome of what is waiting.

        Args:
            path: The file.
            keys: Those of the batch; each that the file has a result for is taken out. Further results for
                the same request, and for others, are passed over.
            waiting: Whose answers are yielded, or given up; what may be asked again stays.
            scrubber: Takes out the key of the API.

        Raises:
            InputError: If there is no such file.
        """
        with_schema = self.with_schema
        lines = read_results(path)
        while chunk := list(islice(lines, _CHUNK)):
            outcomes: list[tuple[str, Answer | Fault]] = []
            with self._ledger.transaction():
                # Another process may have fetched the same batch.
                known = self._ledger.answered([one.key for one in chunk])
                for result in chunk:
                    if result.key in keys:
                        keys.discard(result.key)
                        if result.key not in known:
                            ask = waiting.get(result.key, NOTHING_SAID)
                            outcomes.append((result.key, self._keep(result, ask, scrubber)))
            for key, outcome in outcomes:
                if isinstance(outcome, Fault):
                    outcome = self._judged(key, outcome, waiting, with_schema)
                if outcome is not None and key in waiting:
                    yield key, outcome

    def finish(self, keys: set[str], waiting: Waiting, status: str) -> Iterator[tuple[str, Answer]]:
        """Yield what is to become of requests that no file had a result for.

        Args:
            keys: Theirs.
            waiting: As above.
            status: Of the batch, at its end.
        """
        if status == "cancelled":
            self.stopped_because = "its batch was cancelled; the same command makes another"
            return
        known = self._ledger.answered(sorted(keys))
        for key in sorted(keys - known):
            fault = Fault(Kind.PASSING, f"the batch is {status} and has no result for it")
            answer = self._judged(key, fault, waiting, self.with_schema)
            if answer is not None and key in waiting:
                yield key, answer

    def complain(self) -> None:
        """Raise what makes all further requests pointless.

        Raises:
            EndpointError: If nothing was ever answered, and one was refused for what all have in common.
        """
        if self._unusable is not None and not self._answered:
            raise self._unusable.error(self._endpoint)

    def _keep(self, result: Result, ask: Ask, scrubber: Scrubber) -> Answer | Fault:
        endpoint, ledger = self._endpoint, self._ledger
        if result.status != 200:
            if result.status == 0:
                reason = scrubber.quote(result.reason, ask) or "no answer"
                return Fault(Kind.PASSING, f"the batch has no answer to it: {reason}")
            return read_status(result.status, result.body, None, endpoint, ask, scrubber)
        # In ASCII: what was written as halves of characters can't be kept otherwise.
        raw = scrubber.clean(json.dumps(result.body))
        ledger.store(result.key, endpoint.base_url, endpoint.model, raw, None)
        try:
            reply = read_reply(raw)
        except UnusableReplyError as error:
            usage = read_usage(raw)
            self._spending.add(usage, self._cost(usage))
            return Fault(Kind.PASSING, f"HTTP 200, but {error}")
        cost = self._cost(reply.usage)
        ledger.settle(result.key, reply.usage, cost)
        self._spending.add(reply.usage, cost)
        self._learn(ask, reply.usage)
        return as_answer(ask, reply, reply.usage, cost, endpoint)

    def _learn(self, ask: Ask, usage: Usage) -> None:
        self._answered += 1
        self.mean_completion += (usage.completion_tokens - self.mean_completion) / self._answered
        if ask.messages and usage.prompt_tokens:
            self._characters += sum(len(one.content) for one in ask.messages)
            self._prompt_tokens += usage.prompt_tokens
            self.tokens_per_character = self._prompt_tokens / max(1, self._characters)

    def _judged(self, key: str, fault: Fault, waiting: Waiting, with_schema: bool) -> Answer | None:
        """Note a failure; return the answer that it makes, or nothing if the request is to be made again."""
        endpoint = self._endpoint
        self._ledger.fail(key, endpoint.base_url, endpoint.model, fault.reason)
        if fault.kind is Kind.NO_SCHEMA and with_schema and endpoint.schema_support == "auto":
            self.with_schema = False
            return None
        if fault.kind is Kind.SPENT:
            self.stopped_because = f"{fault.reason}. {fault.hint}"
            return None
        if fault.kind in (Kind.UNUSABLE, Kind.NO_SCHEMA):
            self._unusable = fault
        elif fault.kind is not Kind.REJECTED:
            self._failures[key] += 1
            if self._failures[key] < self._rounds:
                return None
        if key not in waiting:
            return None
        tries = f" ({self._failures[key]} batches)" if self._failures[key] > 1 else ""
        return Answer(waiting[key].key, Ending.FAILED, reason=fault.reason + tries)

    def _cost(self, usage: Usage) -> float:
        price = self._endpoint.price
        return price.of(usage) * price.batch if price else 0.0
