"""The judges of a panel, made from its configuration, and what asking them would cost."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..annotate.engines.driver import OpenAIChat
from ..annotate.engines.ledger import Ledger
from ..annotate.engines.spending import Spending
from ..datasets.records import Usage, Verdict
from .case import Case, Judge
from .config import JudgeConfig
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
    chat: OpenAIChat | None = None
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


@contextmanager
def members(
    config: JudgeConfig, rollout: Callable[[], Judge], *, ledger: Path
) -> Generator[tuple[Member, ...]]:
    """Make a panel's judges; the ledger is open for as long as they are used.

    Args:
        config: The panel.
        rollout: Makes the rollout judge, which needs a model.
        ledger: Where answers are kept if the configuration names no place.

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
                one.api_key()  # a missing one is said before anything is done
                chat = OpenAIChat(one, ledger=kept, budget=spending)
                made.append(Member(LLMJudge(chat, one.style, samples=one.samples), chat, one.asked))
        yield tuple(made)


def assemble(
    asked: Sequence[Member],
    config: JudgeConfig,
    *,
    done: Callable[[int], object],
    say: Callable[[str], object],
) -> PanelJudge:
    """Make the panel, its judges calibrated as far as the configuration's calibration goes.

    Args:
        asked: The judges.
        config: The panel.
        done: Told how many votes are cast, or not asked for.
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
        judges.append(Watched(Calibrated(member.judge, curve) if curve else member.judge, done))
    own: dict[int, Curve] = {}
    if calibration is not None:
        own = calibration.of_panel(PanelJudge.name, panel_asked(asked, config), len(asked))
    if calibration is not None and not own and config.adaptive is not None and len(asked) > 1:
        say("The calibration is of another panel: this one's judges are taken to err independently.")
    return PanelJudge(
        judges, rule=config.rule, adaptive=config.adaptive, curves=curves, own=own, on_skipped=done
    )


def panel_asked(asked: Sequence[Member], config: JudgeConfig) -> str:
    """Say what a panel's own curve belongs to: the rule and the judges, in order."""
    return f"{config.rule}: {'; '.join(member.key for member in asked)}"


def estimate(judges: Sequence[Member], cases: Sequence[Case]) -> list[Estimate]:
    """Reckon what each language model would cost; repairs of unusable answers come on top."""
    found: list[Estimate] = []
    for member in judges:
        if member.chat is None or not isinstance(member.judge, LLMJudge):
            continue
        endpoint = member.chat.endpoint
        asked = list(member.judge.asks(cases))
        steps = {ask.key: count for ask, count in asked}
        open_asks = member.chat.unanswered([ask for ask, _ in asked])
        characters = sum(len(message.content) for ask in open_asks for message in ask.messages)
        usage = Usage(
            requests=len(open_asks),
            prompt_tokens=round(characters / _CHARACTERS_PER_TOKEN),
            completion_tokens=sum(
                _TOKENS_PER_ANSWER + _TOKENS_PER_STEP * steps[ask.key] for ask in open_asks
            ),
        )
        usd = endpoint.price.of(usage) if endpoint.price else None
        found.append(Estimate(endpoint.model, len(open_asks), usage, usd, endpoint.is_local))
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
