"""Batches by hand: requests to a file, results from one."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.errors import ConfigError, InputError
from .options import tell

if TYPE_CHECKING:
    from ..judge.case import Case, Judge
    from ..judge.config import JudgeConfig
    from ..judge.members import MakeChat


def reading(results: Sequence[Path]) -> "MakeChat":
    """Return what makes chats that take their answers from files, and from nowhere else.

    Raises:
        InputError: If there is no such file.
    """
    from ..annotate.engines.by_hand import ByHandChat

    for path in results:
        if not path.is_file():
            raise InputError(f"{path}: no such file", hint="Give the output of the batch")
    return lambda config, ledger, spending: ByHandChat(
        config, ledger=ledger, results=results, spending=spending
    )


def write_requests(
    panel: "JudgeConfig", cases: "Sequence[Case]", ledger: str, to: Path, as_json: bool
) -> None:
    """Write what the language models of a panel are still to be asked.

    All of it goes into one file if it fits and is for one model; else into several, numbered.

    Raises:
        ConfigError: If no language model is on the panel.
    """
    from ..annotate.engines.batch_files import Parts
    from ..annotate.engines.by_hand import ByHandChat
    from ..judge.members import members

    if not panel.llms:
        raise ConfigError("--batch-write: no language model to be asked", hint="Name one in a --config")
    to.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that files only have to be renamed.
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
        writers: list[tuple[str, Parts]] = []

        def leaving(config: Any, kept: Any, spending: Any) -> ByHandChat:
            number = len(writers)
            parts = Parts(lambda part: Path(folder) / f"{number}-{part}")
            writers.append((config.model, parts))
            return ByHandChat(config, ledger=kept, leave=parts.add, spending=spending)

        models = panel.model_copy(update={"panel": panel.llms})
        with members(models, _no_rollout, ledger=ledger, chat=leaving) as asked:
            for member in asked:
                for _ in member.judge.judge(cases):
                    pass
        made = [(model, part) for model, parts in writers for part in parts.close()]
        rows: list[dict[str, Any]] = []
        for number, (model, part) in enumerate(made, 1):
            path = to if len(made) == 1 else to.with_stem(f"{to.stem}-{number}")
            shutil.move(part.path, path)
            rows.append({"file": str(path), "model": model, "requests": len(part.keys)})
    said = [f"{row['file']}: {row['requests']} requests to {row['model']}" for row in rows]
    tell(as_json, {"files": rows}, "\n".join(said) or "Nothing is left to be asked.")


def _no_rollout() -> "Judge":
    raise AssertionError("only language models are asked by hand")
