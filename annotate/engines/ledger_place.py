"""Where a ledger is: a file of this machine, or a PostgreSQL that several machines share.

What names a place may hold a password. It is never quoted as it came: a URL is either read whole, and then
written without its secrets, or refused without a word of it.
"""

import re
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from ...datasets.errors import ConfigError

LedgerPlace: TypeAlias = Path | str
"""A path, or a URL `postgresql://USER@HOST/NAME`."""
_SHARED = "postgresql://"
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_KINDS = re.compile(r"postgres(ql)?(\+\w+)?", re.IGNORECASE)
_HOST = r"(?:\[[0-9a-fA-F:.%]+\]|[^\s:@/?#\[\]]*)(?::[0-9]*)?"
# What is to stand in a password besides must be written %XX, so that nobody takes part of it for a host.
_PARTS = re.compile(
    rf"(?:(?P<user>[^\s:@/?#\[\]]*)(?P<password>:[^\s@/?#\[\]]*)?@)?(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?P<name>/[^\s@/?#]*)?(?:\?(?P<query>[a-z_]+=[^\s@?#&]*(?:&[a-z_]+=[^\s@?#&]*)*))?"
)
_NO_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)


def place_of(text: str) -> LedgerPlace:
    """Read what names a ledger.

    Raises:
        ConfigError: If it is a URL of something else, or can't be read as one. It is not quoted.
    """
    url = _URL.fullmatch(text)
    if url is None:
        return Path(text)
    kind, rest = url.groups()
    if not _KINDS.fullmatch(kind):
        raise ConfigError(
            f"{kind}://...: no place for a ledger", hint="Give a file, or postgresql://USER@HOST/NAME"
        )
    if not _PARTS.fullmatch(rest) or _NO_ESCAPE.search(rest):
        raise ConfigError(
            f"{kind}://...: the ledger's URL can't be read",
            hint="Write postgresql://USER:PASSWORD@HOST:PORT/NAME, and in a password what is neither letter "
            "nor digit as %XX",
        )
    return _SHARED + rest


def absolute(text: str) -> LedgerPlace:
    """Read what names a ledger, for processes that work elsewhere."""
    place = place_of(text)
    return place.resolve() if isinstance(place, Path) else place


def is_shared(place: LedgerPlace) -> bool:
    """Whether it is a database that several machines reach."""
    return isinstance(place, str) and isinstance(place_of(place), str)


def shown(place: LedgerPlace) -> str:
    """Write it without its secrets."""
    place = place_of(place) if isinstance(place, str) else place
    if isinstance(place, Path):
        return str(place)
    parts = _PARTS.fullmatch(place.removeprefix(_SHARED))
    assert parts is not None  # or it would have been refused
    user = f"{parts['user']}@" if parts["user"] else ""
    query = "&".join(
        one for one in (parts["query"] or "").split("&") if one and one.partition("=")[0] not in _SECRETS
    )
    return f"{_SHARED}{user}{parts['hosts']}{parts['name'] or ''}{'?' if query else ''}{query}"


def _configured(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    place = place_of(given)
    if shown(place) != str(place):
        # No ValueError: pydantic would quote what was given. Configurations are written into run folders
        # and reports.
        raise ConfigError(
            f"ledger: {shown(place)}: a password has no place in a configuration",
            hint="Leave it out of the URL: PGPASSWORD, or the file that PGPASSFILE names, is for it",
        )
    return place


ConfiguredPlace = Annotated[Path | str, BeforeValidator(_configured)]
"""A place as a configuration file names it, without a password."""
