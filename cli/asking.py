"""What commands share that ask a panel: its configuration, and leave to spend."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..datasets.errors import ConfigError

if TYPE_CHECKING:
    from ..judge.case import Case
    from ..judge.config import JudgeConfig
    from ..judge.members import Member
    from ..loop.progress import Reporter


def read_panel(judge: str, path: Path | None) -> "JudgeConfig":
    """Read a panel's configuration, or make the one that a judge's name stands for.

    Raises:
        ConfigError: If the file can't be used or the name is unknown.
    """
    from ..judge.config import JudgeConfig, JudgeFile
    from ..loop.config import parse_config, read_yaml

    if path is not None:
        return parse_config(read_yaml(path), JudgeFile, str(path)).judge.with_paths_from(path.parent)
    if judge not in ("symbolic", "rollout", "panel"):
        raise ConfigError(
            f"unknown judge {judge!r}",
            hint="Known are symbolic, rollout and panel; language models are named in a --config",
        )
    return JudgeConfig() if judge == "panel" else JudgeConfig.model_validate({"panel": [judge]})


def agree_to_cost(
    asked: "Sequence[Member]",
    cases: "Sequence[Case]",
    panel: "JudgeConfig",
    reporter: "Reporter",
    yes: bool,
) -> None:
    """Say what asking would cost, and ask a person unless told that it is fine."""
    from ..judge.members import estimate

    costly = [one for one in estimate(asked, cases) if one.requests and not one.is_local]
    most = "at most " if panel.adaptive is not None else ""
    for one in costly:
        price = f"about ${one.usd:.2f}" if one.usd is not None else "at a price not in the configuration"
        reporter.say(
            f"{one.model}: {most}{one.requests} requests, about {one.usage.prompt_tokens:,} tokens to read "
            f"and {one.usage.completion_tokens:,} to write, {price}"
        )
    if not costly or yes:
        return
    if panel.budget.usd is not None:
        reporter.say(f"It stops at ${panel.budget.usd:g}.")
    if not sys.stdin.isatty():
        raise ConfigError("asking costs money, and nobody is there to agree", hint="Say --yes")
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(1)
