"""The judges of a panel, made from its configuration, and what asking them would cost."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..annotate.engines.batch import BatchChat
from ..annotate.engines.driver import OpenAIChat
from ..annotate.engines.ledger import Ledger
from ..annotate.engines.ledgered import LedgeredChat
from ..annotate.engines.spending import Spending
from ..datasets.records import Usage, Verdict
from .case import Case, Judge
from .config import JudgeConfig, LLMConfig
from .llm import LLMJudge
from .symbolic import SymbolicJudge

_CHARACTERS_PER_TOKEN = 3.5
_TOKENS_PER_STEP = 60
_TOKENS_PER_ANSWER = 200


class Member(NamedTuple):
    """One judge of a panel."""

    judge: Judge
    chat: LedgeredChat | None = None
    """Where it asks, if it is a language model."""


class Estimate(NamedTuple):
    """What a language model is still to be asked, and about how much that is."""

    model: str
    requests: int
    """Those that the ledger does not answer."""
    usage: Usage
    """Tokens, reckoned from characters and steps."""
    usd: float | None
    """`None` where no price is known."""
    is_local: bool


MakeChat = Callable[[LLMConfig, Ledger, Spending], LedgeredChat]


def asking(config: LLMConfig, ledger: Ledger, spending: Spending) -> LedgeredChat:
    """Make the chat that a language model's configuration asks for.

    Raises:
        ConfigError: If a key is missing or the budget can't be kept.
    """
    config.api_key()  # a missing one is said before anything is done
    if config.batch is not None:
        return BatchChat(config, ledger=ledger, mode=config.batch, budget=spending)
    return OpenAIChat(config, ledger=ledger, budget=spending)


@contextmanager
def members(
    config: JudgeConfig, rollout: Callable[[], Judge], *, ledger: Path, chat: MakeChat = asking
) -> Generator[tuple[Member, ...]]:
    """Make a panel's judges; the ledger is open for as long as they are used.

    Args:
        config: The panel.
        rollout: Makes the rollout judge, which needs a model.
        ledger: Where answers are kept if the configuration names no place.
        chat: Makes what a language model is asked through.

    Raises:
        ConfigError: If a key is missing or the budget can't be kept.
    """
    if not config.llms:
        yield tuple(Member(SymbolicJudge() if name == "symbolic" else rollout()) for name in config.panel)
        return
    spending = Spending(config.budget)
    with Ledger(config.ledger or ledger) as kept:
        made: list[Member] = []
        for one in config.panel:
            if isinstance(one, str):
                made.append(Member(SymbolicJudge() if one == "symbolic" else rollout()))
            else:
                asked = chat(one, kept, spending)
                made.append(Member(LLMJudge(asked, one.style, samples=one.samples), asked))
        yield tuple(made)


def estimate(judges: Sequence[Member], cases: Sequence[Case]) -> list[Estimate]:
    """Reckon what each language model would cost; repairs of unusable answers come on top."""
    found: list[Estimate] = []
    for member in judges:
        if member.chat is None or not isinstance(member.judge, LLMJudge):
            continue
        endpoint = member.chat.endpoint
        asks, asked = member.judge.asks(cases)
        requests = characters = completion = 0
        for ask in member.chat.unanswered(asks):
            requests += 1
            characters += sum(len(message.content) for message in ask.messages)
            steps = len(asked[asks.place(int(ask.key))].solution.steps)
            completion += _TOKENS_PER_ANSWER + _TOKENS_PER_STEP * steps
        usage = Usage(
            requests=requests,
            prompt_tokens=round(characters / _CHARACTERS_PER_TOKEN),
            completion_tokens=completion,
        )
        usd = endpoint.price.of(usage) * member.chat.share if endpoint.price else None
        found.append(Estimate(endpoint.model, requests, usage, usd, endpoint.is_local))
    return found


class Watched:
    """A judge whose every verdict is reported as it comes.

    Args:
        judge: Who judges.
        done: Called with 1 for each verdict.
    """

    def __init__(self, judge: Judge, done: Callable[[int], object]) -> None:
        self._judge = judge
        self._done = done

    @property
    def name(self) -> str:
        """Name of the judge."""
        return self._judge.name

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Yield the judge's verdicts."""
        for verdict in self._judge.judge(cases):
            yield verdict
            self._done(1)
