"""Forms of the page: small, and read as the API reads what it is sent."""

from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qs

from fastapi import Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ..api.refusals import RefusedError
from ..api.spool import read_body

T = TypeVar("T")
_BYTES = 4096


class Resumption(BaseModel, extra="forbid"):
    """How a job goes on."""

    budget_usd: float | None = Field(default=None, gt=0, le=1e9)
    """What it may cost in all; as before where left empty."""


RESUMPTION: TypeAdapter[Resumption] = TypeAdapter(Resumption)


async def read_form(request: Request, kind: TypeAdapter[T]) -> T:
    """Read a form; a field that was left empty is not there.

    Raises:
        RefusedError: If it is not of that kind.
    """
    sent = parse_qs((await read_body(request, _BYTES)).decode("utf-8", "replace"))
    try:
        return kind.validate_python({name: values[0] for name, values in sent.items()})
    except ValidationError as error:
        first = error.errors()[0]
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}",
            hint="Go back and mend it",
        ) from None
