"""Finding an Argilla server, and saying in one line what is wrong with it."""

import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ...datasets.errors import ConfigError, EndpointError, FirstFaultError
from .server.folder import running_server

URL, KEY = "ARGILLA_API_URL", "ARGILLA_API_KEY"
_TIMEOUT = 60
"""Seconds. A batch of records takes a small server a few."""


class Connection:
    """A server and a user of it.

    Args:
        url: Of the server.
        key: The user's API key.

    Raises:
        EndpointError: If no Argilla answers there, or it refuses the key.
    """

    def __init__(self, url: str, key: str) -> None:
        argilla = sdk()
        self.url = url.rstrip("/")
        with self.explained():
            self.client: Any = argilla.Argilla(api_url=self.url, api_key=key, timeout=_TIMEOUT, retries=1)
            self.is_owner: bool = self.client.me.role == "owner"

    def get(self, path: str, **parameters: Any) -> Any:
        """Get what stands at a path of the server's HTTP API.

        For what the SDK can't do: it fails on discarded answers without values.
        """
        response = self.client.http_client.get(f"/api/v1/{path}", params=parameters)
        response.raise_for_status()
        return response.json()

    def send(self, method: str, path: str, content: Any = None, **parameters: Any) -> Any:
        """Send JSON to a path of the server's HTTP API and return what it answers."""
        response = self.client.http_client.request(method, f"/api/v1/{path}", json=content, params=parameters)
        response.raise_for_status()
        return response.json() if response.content else None

    @contextmanager
    def explained(self) -> Generator[None]:
        """Turn what goes wrong with the server into an error that a person can mend.

        Raises:
            EndpointError: In the place of Argilla's and of the connection's own errors.
        """
        import httpx

        refusal: Any = import_module("argilla._exceptions").ArgillaError
        try:
            yield
        except FirstFaultError:
            raise
        except httpx.HTTPStatusError as error:
            raise self._refused(error.response.status_code, error.response.text) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._silent(error) from None
        except refusal as error:
            # The SDK hides some broken connections in errors of its own.
            hidden = error.__cause__ or error.__context__
            if isinstance(hidden, httpx.TransportError):
                raise self._silent(hidden) from None
            status: Any = getattr(error, "status_code", None)
            if type(error).__name__ == "ArgillaCredentialsError":
                status = 401
            raise self._refused(status if isinstance(status, int) else 0, str(error)) from None

    def _silent(self, error: Exception) -> EndpointError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return EndpointError(
            f"{self.url}: no Argilla answers there: {reason[:200]}",
            hint=f"Start one with `firstfault review serve`, or set {URL} to one that runs",
        )

    def _refused(self, status: int, reason: str) -> EndpointError:
        if status == 401:
            return EndpointError(
                f"{self.url}: the API key was refused", hint=f"Set {KEY} to a key of that server"
            )
        if status == 403:
            return EndpointError(
                f"{self.url}: this key's user may not do that", hint=f"Set {KEY} to an owner's key"
            )
        if status in (404, 405):
            return EndpointError(f"{self.url}: no Argilla answers there (HTTP {status})", hint=f"Check {URL}")
        told = " ".join(reason.split())[:300]
        return EndpointError(
            f"{self.url}: it refused (HTTP {status or 'error'}): {told}",
            hint="Run the same command again; the server's log says more",
        )


def connect(data: Path) -> Connection:
    """Connect to the server that the environment names, else to the one that `review serve` runs.

    Args:
        data: Folder of the latter.

    Raises:
        ConfigError: If there is none.
        EndpointError: If it can't be used.
    """
    url, key = os.environ.get(URL), os.environ.get(KEY)
    if url and key:
        return Connection(url, key)
    if url or key:
        missing = KEY if url else URL
        raise ConfigError(f"{missing}: not set", hint=f"Set both {URL} and {KEY}, or neither")
    found = running_server(data)
    if found is None:
        raise ConfigError(
            f"{data}: no Argilla server runs on this folder",
            hint="Start one in another terminal: firstfault review serve;"
            f" or set {URL} and {KEY} to use one of your own",
        )
    return Connection(found.url, found.credentials.api_key)


def sdk() -> Any:
    """Return Argilla's SDK, as Any since it has no types.

    Raises:
        ConfigError: If it is not installed.
    """
    # It warns of everything that it looks for and doesn't find.
    warnings.filterwarnings("ignore", category=UserWarning, module="argilla")
    try:
        return import_module("argilla")
    except ImportError:
        raise ConfigError(
            "argilla is not installed", hint="Install the extra: pip install 'firstfault[review]'"
        ) from None
