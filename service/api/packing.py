"""Bodies that were packed with gzip, unpacked as they come."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from http import HTTPStatus

from anyio.lowlevel import checkpoint

from .refusals import RefusedError

_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_AT_ONCE = 1 << 18
_ENCODINGS = ("", "identity", "gzip", "x-gzip")


async def unpacked(pieces: AsyncIterator[bytes], encoding: str) -> AsyncGenerator[bytes]:
    """Yield a body, unpacked if it is gzip's: files are sent as they are, without saying so too.

    A piece may unpack to a thousand times as much: whoever takes it must look how much has come.

    Args:
        pieces: As they come.
        encoding: What the request's header `Content-Encoding` says.

    Raises:
        RefusedError: If it is packed in another way, or damaged.
    """
    told = encoding.strip().lower()
    if told not in _ENCODINGS:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding: {told[:100]!r} is not taken",
            hint="Send it as it is, or packed with gzip",
            headers={"accept-encoding": "gzip", "connection": "close"},
        )
    start = b""
    async for piece in pieces:
        start += piece
        if len(start) >= len(_MAGIC):
            break
    if not start.startswith(_MAGIC):
        if "gzip" in told:
            raise _damaged("it does not begin as gzip does")
        yield start
        async for piece in pieces:
            yield piece
        return
    members = _Members()
    async for piece in _after(start, pieces):
        for part in members.unpack(piece):
            yield part
            # Others are served meanwhile.
            await checkpoint()
    if not members.is_whole:
        raise _damaged("its end is missing")


async def _after(start: bytes, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield start
    async for piece in pieces:
        yield piece


class _Members:
    """What gzip has packed: one member, or several after each other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)

    @property
    def is_whole(self) -> bool:
        """Whether it may end here."""
        return self._member.eof

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece holds, a little at a time."""
        while True:
            if self._member.eof:
                # Some fill the last block with zeros.
                piece = piece.lstrip(b"\0")
                if not piece:
                    return
                self._member = zlib.decompressobj(_GZIP)
            try:
                part = self._member.decompress(piece, _AT_ONCE)
            except zlib.error as error:
                raise _damaged(str(error)) from None
            if part:
                yield part
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if not piece and len(part) < _AT_ONCE:
                return


def _damaged(why: str) -> RefusedError:
    return RefusedError(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"the upload can't be unpacked: {why}", hint="Pack it with gzip anew"
    )
