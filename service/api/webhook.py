"""Argilla's webhook: people's answers are brought into a run as soon as they are given."""

import os
from http import HTTPStatus
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from ...datasets.store import parse_json
from ..work.actions import Pull
from .bodies import EVENT
from .refusals import RefusedError, documented
from .spool import read_body
from .state import State, state_of
from .views import HookView

router = APIRouter(prefix="/v1", tags=["tasks"])
SECRET = "FIRSTFAULT_ARGILLA_SECRET"
"""Where the webhook's secret stands, as Argilla showed it when the webhook was made."""
_BYTES = 4 << 20
_TOLD = ("response.created", "response.updated", "response.deleted", "record.completed")


@router.post(
    "/argilla",
    responses=documented(400, 413),
    openapi_extra={"requestBody": EVENT, "security": []},
)
async def told(request: Request) -> HookView:
    """Take an event that Argilla has signed (Standard Webhooks); no key is needed.

    An answer to a question about a run's solutions starts the task `pull` of that run; other events are
    taken and do nothing.
    """
    event = _verified(await read_body(request, _BYTES), request)
    if event.get("type") not in _TOLD:
        return HookView(task=None)
    return HookView(task=await run_in_threadpool(_pull, state_of(request), event))


def _verified(body: bytes, request: Request) -> dict[str, Any]:
    secret = os.environ.get(SECRET)
    if not secret:
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            "this service takes no events of Argilla",
            hint=f"Start it with the webhook's secret in {SECRET}",
        )
    # Argilla's client brings it; the service has no other use for that.
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    headers = {name: value for name, value in request.headers.items() if name.startswith("webhook-")}
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
        event = parse_json(body)
    except (WebhookVerificationError, ValueError) as error:
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED,
            f"the event is not signed as it should be: {error}",
            hint=f"{SECRET} must hold the secret of this very webhook, and both clocks be right",
        ) from None
    if not isinstance(event, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the event is no JSON object")
    return cast(dict[str, Any], event)


def _pull(state: State, event: dict[str, Any]) -> str | None:
    """Start the task; return its id, `None` where no run is meant."""
    asked = _dataset(event)
    for name in state.runs.names():
        folder = state.runs.find(name)
        known = folder.facts("review") if folder is not None else {}
        if known and asked in ((known.get("workspace"), known.get("dataset")), (None, known.get("dataset"))):
            # One that runs may have read the answers already.
            return state.tasks.create(name, Pull(action="pull"), None, only_waiting=True).id
    return None


def _dataset(event: dict[str, Any]) -> tuple[str | None, str | None]:
    """The workspace and the dataset that an event is about, as far as it says."""
    place = _inner(event, "data")
    place = _inner(place, "record") or place
    place = _inner(place, "dataset") or place
    workspace, dataset = _inner(place, "workspace").get("name"), place.get("name")
    return (
        workspace if isinstance(workspace, str) else None,
        # Disputes are asked about beside the others.
        dataset.removesuffix("-disputed") if isinstance(dataset, str) else None,
    )


def _inner(place: dict[str, Any], name: str) -> dict[str, Any]:
    inner = place.get(name)
    return cast(dict[str, Any], inner) if isinstance(inner, dict) else {}
