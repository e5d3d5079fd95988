"""Uploads on their way to disk: however large, they are never whole in memory."""

import hashlib
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from starlette.requests import ClientDisconnect

from .packing import unpacked
from .refusals import RefusedError


class Spooled(NamedTuple):
    """An upload on disk."""

    path: Path
    digest: str
    """SHA-256."""


def too_large(limit: int) -> RefusedError:
    """Say that a request is larger than allowed."""
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the request is longer than {limit:,} bytes",
        hint="Send less at a time",
        headers={"connection": "close"},
    )


@asynccontextmanager
async def spooled(request: Request, limit: int) -> AsyncGenerator[Spooled]:
    """Write a request's body, unpacked, into a file that is gone afterwards.

    Raises:
        RefusedError: If it is too large, as it comes or unpacked, packed in an unknown way, or broken off.
    """
    digest, size = hashlib.sha256(), 0
    encoding = request.headers.get("content-encoding", "")
    with tempfile.NamedTemporaryFile(prefix="firstfault-upload-") as file:
        async for piece in unpacked(_pieces(request, limit), encoding):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            digest.update(piece)
            file.write(piece)
        file.flush()
        yield Spooled(Path(file.name), digest.hexdigest())


async def read_body(request: Request, limit: int) -> bytes:
    """Read a small request whole.

    Raises:
        RefusedError: If it is too large, or broken off.
    """
    return b"".join([piece async for piece in _pieces(request, limit)])


async def _pieces(request: Request, limit: int) -> AsyncGenerator[bytes]:
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            yield piece
    except ClientDisconnect:
        # Nobody hears it, but it is no bug that the log should tell of.
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "the request was broken off", hint="Send it again"
        ) from None
