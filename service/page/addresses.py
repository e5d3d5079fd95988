"""Numbers in addresses of the page; what makes no sense is passed over, as people edit addresses."""

from fastapi import Request

_MOST_DIGITS = 10


def number(request: Request, name: str, largest: int) -> int | None:
    """Return a number in an address, from 1; `None` where there is none, or one that makes no sense."""
    return whole(request.query_params.get(name, ""), largest)


def whole(text: str, largest: int) -> int | None:
    """Read a number from 1; `None` where it makes no sense."""
    # Python refuses to read thousands of digits, with an error.
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    found = int(text)
    return found if 1 <= found <= largest else None
