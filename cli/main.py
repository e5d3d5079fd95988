"""The `firstfault` command: its subcommands, and how errors look.

What a user can mend is one line with a hint and exit code 2; Ctrl-C says how to go on. Everything else
is a bug and keeps its traceback. Subcommands import what they need when they run, so that `--help` is quick.
"""

import sys
from collections.abc import Sequence

import typer

# typer carries its own click and does not pass this class on.
from typer._click.exceptions import UsageError

from ..datasets.errors import FirstFaultError
from . import (
    judging,
    keys,
    ledger,
    measuring,
    mending,
    publishing,
    restoring,
    reviewing,
    runs,
    sensing,
    serving,
)

_INTERRUPTED = 130  # what typer makes of Ctrl-C, as shells do

app = typer.Typer(
    name="firstfault",
    help="What breaks first when a language model is quantized, and how to mend it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(runs.quickstart)
app.command()(runs.run)
app.command()(measuring.quantize)
app.command()(measuring.measure)
app.add_typer(judging.app, name="judge")
app.add_typer(reviewing.app, name="review")
app.command()(mending.curate)
app.command()(restoring.restore)
app.command()(sensing.sensitivity)
app.command()(publishing.publish)
app.command()(runs.report)
app.command()(runs.show)
app.add_typer(ledger.app, name="ledger")
app.command()(serving.serve)
app.command()(serving.worker)
app.add_typer(keys.app, name="key")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit code: 0, 2 for what the user can mend, 130 after Ctrl-C.
    """
    try:
        result = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except FirstFaultError as error:
        print(f"error: {_line(str(error))}. {_line(error.hint)}", file=sys.stderr)
        return 2
    except UsageError as error:
        error.show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        result = _INTERRUPTED
    if result == _INTERRUPTED:
        print("\nStopped. Nothing is lost: the same command goes on from here.", file=sys.stderr)
    return result if isinstance(result, int) else 0


def entry() -> None:
    """Console script."""
    sys.exit(main())


def _line(text: str) -> str:
    # Messages may quote files, and those may hold control characters.
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split()).rstrip(".") if printable else ""


if __name__ == "__main__":
    entry()
