"""The official client, several times over."""

import asyncio
from collections.abc import Mapping
from itertools import cycle
from typing import Any

from .endpoint import Endpoint

_CONNECTIONS_EACH = 16


class Clients:
    """Clients of one endpoint, asked in turn.

    A connection pool of httpx goes through all its connections and waiting requests whenever one begins or
    ends, so that its work grows with the square of what is in flight; many small pools stay quick. Retries
    of the client are off: they know nothing of the other requests.

    Args:
        endpoint: Where to.
        key: Of the API.
    """

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        self.key = key
        context = httpx2.create_ssl_context()
        number = -(-endpoint.concurrency // _CONNECTIONS_EACH)
        # None has to wait for a connection: when answers come out of turn, one client may have more of
        # them under way than its share.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=_CONNECTIONS_EACH)
        self._clients = [
            AsyncOpenAI(
                api_key=key,
                base_url=endpoint.base_url,
                max_retries=0,
                timeout=endpoint.timeout,
                http_client=DefaultAsyncHttpxClient(
                    limits=limits, timeout=httpx2.Timeout(endpoint.timeout), verify=context
                ),
            )
            for _ in range(number)
        ]
        self._turns = cycle(self._clients)
        self._response = httpx2.Response

    async def post(self, body: Mapping[str, Any]) -> str:
        """Ask for a chat completion and return the body of the response, unread.

        Raises:
            openai.APIError: If the endpoint answers with an error or not at all.
        """
        response = await next(self._turns).post("/chat/completions", cast_to=self._response, body=dict(body))
        return response.content.decode("utf-8", "replace")

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(client.close() for client in self._clients), return_exceptions=True)
