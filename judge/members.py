"""The judges of a panel, made from its configuration, and what asking them would cost."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..annotate.engines.batch import BatchChat
from ..annotate.engines.driver import OpenAIChat
from ..annotate.engines.ledger import Ledger
from ..annotate.engines.ledger_place import LedgerPlace
from ..annotate.engines.ledgered import LedgeredChat
from ..annotate.engines.spending import Spending
from ..datasets.records import Usage, Verdict
from .case import Case, Judge
from .config import JudgeConfig, LLMConfig
from .curve import Calibrated, Curve, key_of, read_calibration
from .llm import LLMJudge
from .panel import PanelJudge
from .symbolic import SymbolicJudge

_CHARACTERS_PER_TOKEN = 3.5
_TOKENS_PER_STEP = 60
_TOKENS_PER_ANSWER = 200


class Member(NamedTuple):
    """One judge of a panel."""

    judge: Judge
    chat: LedgeredChat | None = None
    """Where it asks, if it is a language model."""
    asked: str = ""
    """How it is asked, if it is."""

    @property
    def key(self) -> str:
        """Its name and how it is asked."""
        return key_of(self.judge.name, self.asked)


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
    config: JudgeConfig,
    rollout: Callable[[], Judge],
    *,
    ledger: LedgerPlace,
    chat: MakeChat = asking,
    spending: Spending | None = None,
) -> Generator[tuple[Member, ...]]:
    """Make a panel's judges; the ledger is open for as long as they are used.

    Args:
        config: The panel.
        rollout: Makes the rollout judge, which needs a model.
        ledger: Where answers are kept if the configuration names no place.
        chat: Makes what a language model is asked through.
        spending: Where what is spent is counted, if others count there too.

    Raises:
        ConfigError: If a key is missing or the budget can't be kept.
    """
    if not config.llms:
        yield tuple(Member(SymbolicJudge() if name == "symbolic" else rollout()) for name in config.panel)
        return
    spending = spending or Spending(config.budget)
    with Ledger(config.ledger or ledger) as kept:
        made: list[Member] = []
        for one in config.panel:
            if isinstance(one, str):
                made.append(Member(SymbolicJudge() if one == "symbolic" else rollout()))
            else:
                asked = chat(one, kept, spending)
                made.append(Member(LLMJudge(asked, one.style, samples=one.samples), asked, one.asked))
        yield tuple(made)


def assemble(
    asked: Sequence[Member],
    config: JudgeConfig,
    *,
    skipped: Callable[[int], object],
    say: Callable[[str], object],
) -> PanelJudge:
    """Make the panel, its judges calibrated as far as the configuration's calibration goes.

    Args:
        asked: The judges.
        config: The panel.
        skipped: Told how many votes are not asked for.
        say: Told, once each, which judges are not calibrated although there is a calibration.

    Raises:
        ConfigError: If the calibration can't be read.
    """
    calibration = read_calibration(config.calibration) if config.calibration is not None else None
    judges: list[Judge] = []
    curves: dict[str, Curve] = {}
    for member in asked:
        curve = calibration.of(member.judge.name, member.asked) if calibration is not None else None
        if curve is not None:
            # Of two that share a name, the one that can weigh more: `adaptive` must not stop too early.
            curves[curve.judge] = max(curve, curves.get(curve.judge, curve), key=lambda one: one.highest)
        elif calibration is not None:
            why = calibration.left_out.get(member.key)
            say(f"{member.key} is not calibrated{f' ({why})' if why else ''}: its confidence is not used.")
        judges.append(Calibrated(member.judge, curve) if curve else member.judge)
    own: dict[int, Curve] = {}
    if calibration is not None:
        own = calibration.of_panel(PanelJudge.name, panel_asked(asked, config), len(asked))
    if calibration is not None and not own and config.adaptive is not None and len(asked) > 1:
        say("The calibration is of another panel: this one's judges are taken to err independently.")
    return PanelJudge(
        judges, rule=config.rule, adaptive=config.adaptive, curves=curves, own=own, on_skipped=skipped
    )


def panel_asked(asked: Sequence[Member], config: JudgeConfig) -> str:
    """Say what a panel's own curve belongs to: the rule and the judges, in order."""
    return f"{config.rule}: {'; '.join(member.key for member in asked)}"


def price(verdict: Verdict, asked: Sequence[Member]) -> float | None:
    """Return what the requests behind a panel's verdict cost, in US dollars, whenever they were paid for.

    Args:
        verdict: With its votes.
        asked: The judges, in the order in which they were asked; it may have stopped early.

    Returns:
        `None` where the price of one that was asked is not known.
    """
    total = 0.0
    for vote, member in zip(verdict.votes, asked, strict=False):
        if not vote.usage.requests:
            continue
        if member.chat is None or member.chat.endpoint.price is None:
            return None
        total += member.chat.endpoint.price.of(vote.usage) * member.chat.share
    return total


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
