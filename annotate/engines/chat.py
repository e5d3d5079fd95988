"""The contract of a chat endpoint: conversations in, answers out."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from ...datasets.records import Record, Usage


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Ask(NamedTuple):
    """One conversation that wants its next turn."""

    key: str
    """Names the request; comes back with its answer."""
    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer, for endpoints that can hold a model to one."""
    sample: int = 0
    """Number among several samples of the same conversation; different samples are different requests."""


class Ending(StrEnum):
    """Why an answer ended, or why there is none."""

    STOP = "stop"
    LENGTH = "length"
    """Cut off at the limit of tokens."""
    FILTERED = "filtered"
    """The endpoint's content filter stopped it."""
    REFUSED = "refused"
    """The model declined, in the field that the API has for that."""
    FAILED = "failed"
    """No answer came: rejected, or given up after retries."""
    UNASKED = "unasked"
    """Not asked, as the budget ended or somebody stopped it; asking again later may answer it."""


class Answer(NamedTuple):
    """What came back for one `Ask`."""

    key: str
    ending: Ending
    text: str = ""
    reasoning: str | None = None
    """What a reasoning model thought, where the endpoint gives it apart from the text."""
    usage: Usage = Usage()
    cost: float = 0.0
    """US dollars, of all requests behind this answer; 0 where no price is known."""
    from_ledger: bool = False
    """Whether it was answered before and cost nothing now."""
    reason: str | None = None
    """What went wrong, in one line without keys or prompt text; set unless the ending is `stop`."""


class Chat(Protocol):
    """Anything that answers conversations. Answers may come in any order."""

    @property
    def name(self) -> str:
        """Name of the model behind it, as it stands in records."""
        ...

    def ask(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Yield exactly one answer per ask, each as soon as it is known; never raise over a single one."""
        ...
