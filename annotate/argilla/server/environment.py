"""The environment that the Argilla server runs in, made from a lock."""

from pathlib import Path

from ...environments import Environment

LOCK = Path(__file__).with_name("lock.txt")


def packages() -> list[str]:
    """Return what the lock asks for, as `name==version`."""
    lines = (line.strip() for line in LOCK.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def environment() -> Environment:
    """Return the server's environment; to make it takes about a minute and 0.6 GB."""
    return Environment(
        name="argilla-server",
        requirements=tuple(packages()),
        instead="use a server that you have: set ARGILLA_API_URL and ARGILLA_API_KEY",
        pythons=((3, 11), (3, 13)),
    )
