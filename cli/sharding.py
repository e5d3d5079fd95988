"""Judging a file in shards, here or on a cluster."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..datasets.records import Problem
    from ..loop.executors.executor import Executor
    from ..loop.executors.judging import Panel
    from ..loop.executors.shards import Shard

_STATUSES = ("faulty", "clean", "unsure", "unscored")


def default_place(out: str) -> str:
    """Return where shards go when nothing is said: where the result does."""
    return f"{out}.shards" if _is_file(out) else out


def judge_in_shards(
    file: Path,
    out: str,
    problems: "Sequence[Problem]",
    panel: "Panel",
    executor: "Executor",
    *,
    yes: bool,
    keep: bool,
) -> dict[str, Any]:
    """Judge the items of a file in shards.

    Args:
        file: What is judged.
        out: A `.jsonl`, or the folder or URL where the shards are.
        problems: What solutions of ours are about.
        panel: Who judges.
        executor: Where.
        yes: Spend without a budget.
        keep: Whether shards stay once they are written into the file.

    Returns:
        The number of items, by status too, where they are, and how many shards the same command does again,
        since an endpoint did not answer.

    Raises:
        ConfigError: If the panel can't be asked there, or may cost money that nobody agreed to.
    """
    from collections import Counter

    from ..datasets.store import replacing
    from ..judge.judged import Judged
    from ..loop.executors.executor import cut, shards_of
    from ..loop.executors.judging import JudgeItems, item_rows
    from ..loop.progress import Reporter

    if keep and not _is_file(out):
        raise ConfigError(f"--out {out}: gets the shards itself", hint="Leave out --shards")
    panel = panel.on(executor)
    budget = panel.config.budget
    for llm in panel.config.llms:
        if not (yes or llm.is_local or budget.usd or budget.tokens):
            raise ConfigError(
                f"judge.budget: none, and asking {llm.model} may cost money", hint="Set one, or say --yes"
            )
    with Reporter().task("Judging", total=_count(file)) as done:
        found: list[Shard] = []
        for shard in executor.map(
            "", JudgeItems(panel), cut(item_rows(file, problems), panel.config.shard_size)
        ):
            done(shard.size)
            found.append(shard)
    shards = shards_of(executor, "", Judged)
    counts: Counter[str] = Counter()

    def lines() -> "Iterator[str]":
        for shard in sorted(found):
            for row in shards.read(shard):
                counts[row.status.value] += 1
                yield json.dumps(row.row(), ensure_ascii=False) + "\n"

    failed = len(shards.failed())
    if _is_file(out):
        with replacing(Path(out)) as temporary, temporary.open("w", encoding="utf-8") as written:
            written.writelines(lines())
        if not keep and not failed:
            shards.remove()
    else:
        for _ in lines():
            pass
    return {
        "items": counts.total(),
        **counts,
        "out": out,
        **({"shards_to_ask_again": failed} if failed else {}),
    }


def said(result: dict[str, Any]) -> str:
    """Say the result of judging a file."""
    counts = sorted(((result.get(name, 0), name) for name in _STATUSES), reverse=True)
    shown = ", ".join(f"{count} {name}" for count, name in counts if count)
    told = f"{result['items']} solutions: {shown}. {result['out']}"
    if again := result.get("shards_to_ask_again"):
        told += f"\nNo answer came to some, in {again} shards: the same command asks again."
    return told


def _is_file(out: str) -> bool:
    return out.endswith(".jsonl")


def _count(file: Path) -> int | None:
    """Items of a file, where that can be told without reading them."""
    if file.suffix != ".jsonl" or not file.is_file():
        return None
    with file.open("rb") as lines:
        return sum(bool(line.strip()) for line in lines)
