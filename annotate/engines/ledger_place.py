"""Where a ledger is: a file of this machine, or a PostgreSQL that several machines share."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator

LedgerPlace: TypeAlias = Path | str
"""A path, or a URL `postgresql://USER@HOST/NAME`."""
_SCHEMES = ("postgresql://", "postgres://")


def place_of(text: str) -> LedgerPlace:
    """Read what names a ledger."""
    return text if is_shared(text) else Path(text)


def absolute(text: str) -> LedgerPlace:
    """Read what names a ledger, for processes that work elsewhere."""
    place = place_of(text)
    return place.resolve() if isinstance(place, Path) else place


def is_shared(place: LedgerPlace) -> bool:
    """Whether it is a database that several machines reach."""
    return isinstance(place, str) and place.startswith(_SCHEMES)


def shown(place: LedgerPlace) -> str:
    """Write it without its password."""
    if isinstance(place, Path):
        return str(place)
    parts = urlsplit(place)
    if parts.password is None:
        return place
    user = f"{parts.username}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))


def _configured(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    place = place_of(given)
    if shown(place) != str(place):
        # Configurations are written into run folders and reports.
        raise ValueError("no password here: PGPASSWORD, or the file that PGPASSFILE names, is for it")
    return place


ConfiguredPlace = Annotated[Path | str, BeforeValidator(_configured)]
"""A place as a configuration file names it, without a password."""
