"""The socket that a server of ours listens on."""

import socket

from ..datasets.errors import ConfigError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, on which nothing answers yet.

    Args:
        host: Name or address of a network interface of this machine.
        port: 0 for any that is free.

    Raises:
        ConfigError: If it is taken, or none of this machine's.
    """
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        # Else a restart would have to wait for the connections of the last server to be forgotten.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Linux lets two sockets share an address until one of them listens.
        bound.listen(128)
    except socket.gaierror as error:
        raise ConfigError(
            f"--host {host}: {error.strerror}", hint="Give 127.0.0.1, or this machine's address"
        ) from error
    except (OSError, OverflowError) as error:
        if bound is not None:
            bound.close()
        why = getattr(error, "strerror", None) or str(error)
        hint = "Give another --port, or 0 for any that is free"
        raise ConfigError(f"{host}:{port}: {why}", hint=hint) from error
    return bound


def address_of(bound: socket.socket) -> str:
    """Return the address at which a browser on this machine finds the server."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
