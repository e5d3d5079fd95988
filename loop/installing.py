"""Making a server's environment, with its progress shown."""

from pathlib import Path

from ..annotate.environments import Environment
from .progress import Reporter


def made(environment: Environment, what: str, reporter: Reporter, total: int | None = None) -> Path:
    """Return the interpreter of an environment, which is made when there is none.

    Args:
        environment: Which.
        what: What is installed, in words.
        reporter: Where progress is shown.
        total: Packages that it will have, where known.

    Raises:
        ConfigError: If it can't be made.
    """
    if environment.is_there:
        return environment.python
    with reporter.task(f"Installing {what}, this once", total=total) as bar:
        shown = 0

        def report(done: int, what: str) -> None:
            nonlocal shown
            bar(done - shown)
            shown = done
            bar.note(what)

        return environment.ensure(report)
