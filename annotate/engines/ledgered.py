"""What chats with a ledger have in common: nothing is asked that was answered, and nothing twice."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice

from .chat import Answer, Ask, Ending
from .endpoint import Budget, Endpoint
from .fingerprint import Fingerprint
from .headway import Headway, Progress
from .ledger import Entry, Ledger
from .reply import UnusableReplyError, read_reply
from .requester import as_answer
from .spending import Spending

_CHUNK = 500


class Waiting:
    """Requests without an answer, by their key in the ledger and in the order they were given.

    It holds no conversation: where asks are made as they are looked at, a hundred thousand take little room.
    """

    def __init__(self, asks: Sequence[Ask], fingerprint: Fingerprint) -> None:
        self._asks = asks
        self._places: dict[str, int] = {}
        self._copies: dict[str, list[int]] = {}
        for place, ask in enumerate(asks):
            key = fingerprint.of(ask)
            if key in self._places:
                self._copies.setdefault(key, []).append(place)
            else:
                self._places[key] = place

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> Ask:
        return self._asks[self._places[key]]

    def keys(self) -> list[str]:
        """Return all keys."""
        return list(self._places)

    def get(self, key: str, otherwise: Ask) -> Ask:
        """Return what is asked under a key, or something else where nothing is."""
        place = self._places.get(key)
        return otherwise if place is None else self._asks[place]

    def items(self) -> Iterator[tuple[str, Ask]]:
        """Yield what was waiting when this was called; an ask is made when its turn comes."""
        return ((key, self._asks[place]) for key, place in list(self._places.items()))

    def remove(self, key: str) -> list[str]:
        """Take out a request that has its answer; return the names of the asks that share it, in order."""
        del self._places[key]
        return [self._asks[place].key for place in self._copies.pop(key, ())]


class LedgeredChat(ABC):
    """A model whose answers are kept in a ledger, as a `Chat`.

    Args:
        endpoint: Where it is and how it is asked.
        ledger: Keeps what is answered; without one it is lost with the process. The caller closes it.
        budget: Where to stop; a `Spending` is shared with other chats.
        on_progress: Called in the reader's thread whenever an answer is read.

    Raises:
        ConfigError: If the budget is in dollars and the endpoint has no price.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ledger: Ledger | None = None,
        budget: Budget | Spending | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.on_progress = on_progress
        self.spending = budget if isinstance(budget, Spending) else Spending(budget)
        self.spending.check(endpoint)
        self._ledger = ledger

    @property
    def name(self) -> str:
        """Name of the model, as it stands in records."""
        return self.endpoint.model

    @property
    def share(self) -> float:
        """What a request costs, as a share of the endpoint's price."""
        return 1.0

    def ask(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Yield exactly one answer per ask: first those in the ledger, then each as soon as it comes.

        Asks with the same content are one request. Leaving the iterator early cancels what is in flight.

        Raises:
            ConfigError: If something has to be asked and there is no key.
            EndpointError: If the endpoint can't be used: unknown host, refused key, unknown model.
            InputError: If the ledger can't be used.
        """
        waiting = Waiting(asks, Fingerprint(self.endpoint))
        headway = Headway(len(asks), self.spending)
        for key, answer in self._answers(waiting, headway):
            copies = [answer._replace(key=name, from_ledger=True) for name in waiting.remove(key)]
            for one in (answer, *copies):
                progress = headway.count(one)
                if self.on_progress is not None:
                    self.on_progress(progress)
                yield one

    def unanswered(self, asks: Sequence[Ask]) -> Iterator[Ask]:
        """Yield one ask of every request that the ledger has no answer to."""
        waiting = Waiting(asks, Fingerprint(self.endpoint))
        answered = self._ledger.answered(waiting.keys()) if self._ledger is not None else set[str]()
        return (ask for key, ask in waiting.items() if key not in answered)

    @abstractmethod
    def _ask(self, waiting: Waiting) -> Generator[tuple[str, Answer], None, str]:
        """Yield answers to what is waiting, by key; return why not to all, or nothing if to all.

        Who reads takes each request out of `waiting` before going on.
        """

    def _answers(self, waiting: Waiting, headway: Headway) -> Iterator[tuple[str, Answer]]:
        yield from self._kept(waiting)
        stopped_because = ""
        if waiting:
            headway.start()
            stopped_because = yield from self._ask(waiting)
        for key, ask in waiting.items():
            yield key, Answer(ask.key, Ending.UNASKED, reason=f"not asked: {stopped_because}")

    def _kept(self, waiting: Waiting) -> Iterator[tuple[str, Answer]]:
        """Yield the answers that the ledger has by now."""
        if self._ledger is None:
            return
        keys = waiting.keys()
        answered = self._ledger.answered(keys)
        known = iter([key for key in keys if key in answered])
        while part := list(islice(known, _CHUNK)):
            for key, entry in self._ledger.read(part).items():
                answer = self._from_entry(key, waiting[key], entry)
                if answer is not None:
                    yield key, answer

    def _from_entry(self, key: str, ask: Ask, entry: Entry) -> Answer | None:
        """Read an answer of the ledger; one that can't be read is marked as failed, to be asked again."""
        assert self._ledger is not None
        endpoint = self.endpoint
        try:
            reply = read_reply(entry.raw)
        except UnusableReplyError as error:
            self._ledger.fail(key, endpoint.base_url, endpoint.model, str(error))
            return None
        usage, cost = entry.usage, entry.cost
        if usage is None:
            usage = reply.usage
            cost = endpoint.price.of(usage) * self.share if endpoint.price else 0.0
            self._ledger.settle(key, usage, cost)
        return as_answer(ask, reply, usage, cost, endpoint, from_ledger=True)
