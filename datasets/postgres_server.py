"""A PostgreSQL server that may be gone without a word, as may be who asks it."""

from collections.abc import Mapping
from typing import Any

_NETWORK = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}


def reaching(given: Mapping[str, Any], settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the parameters of a connection that notices when the other end is gone, on both ends.

    Args:
        given: What its URL says. It may say otherwise.
        settings: Of the server, for this connection.
    """
    noticing = {f"tcp_{name}": value for name, value in _NETWORK.items() if name.startswith("keepalives")}
    options = [f"-c {name}={value}" for name, value in {**(settings or {}), **noticing}.items()]
    return {**_NETWORK, **given, "options": " ".join([given.get("options", ""), *options]).strip()}
