"""The official client, over a transport that costs little."""

from collections.abc import Mapping
from typing import Any

from .endpoint import Endpoint


class Client:
    """The official client of one endpoint.

    It goes over aiohttp, which `openai` brings for those who ask much at a time: per request it takes a third
    less of the processor than the usual transport, whose pool goes through all its connections whenever a
    request begins or ends. Retries of the client are off: they know nothing of the other requests. So are
    its time-outs: who asks sets one over all of an attempt.

    Args:
        endpoint: Where to.
        key: Of the API.
    """

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        import httpx2
        from openai import AsyncOpenAI, DefaultAioHttpClient

        self.key = key
        most = endpoint.concurrency
        self._client = AsyncOpenAI(
            api_key=key,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=None,
            http_client=DefaultAioHttpClient(
                limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
                timeout=httpx2.Timeout(None),
            ),
        )
        # Whole, since the client takes its time over joining a path to its base.
        self._base = endpoint.base_url
        self._response = httpx2.Response

    async def post(self, body: Mapping[str, Any], path: str = "chat/completions") -> str:
        """Ask for a chat completion, or what else the path says; return the body of the response, unread.

        Raises:
            openai.APIError: If the endpoint answers with an error or not at all.
        """
        response = await self._client.post(f"{self._base}/{path}", cast_to=self._response, body=dict(body))
        return response.content.decode("utf-8", "replace")

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
