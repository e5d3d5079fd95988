"""Routes that judge one solution at once."""

import json
from http import HTTPStatus
from typing import Annotated, Any

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request

from ...annotate.engines.spending import Spending
from ...datasets.errors import ConfigError
from ...datasets.records import Verdict
from ...datasets.store import sendable
from ...judge.case import Case
from ...judge.config import JudgeConfig
from ...judge.llm import is_unasked
from ...judge.members import assemble, members, price
from ..store.scope import Scope
from ..work.budgets import SpentError
from ..work.uploads import parse, read_row
from .access import Caller, scoped
from .bodies import EXAMPLE, SOLUTION
from .refusals import RefusedError, documented
from .spool import read_body
from .state import State, state_of
from .views import FoundView, PanelView

router = APIRouter(prefix="/v1", tags=["judging"])
Judging = Annotated[Caller, Depends(scoped(Scope.JUDGE))]
Reading = Annotated[Caller, Depends(scoped(Scope.READ))]


@router.get("/panels", responses=documented())
def panels(request: Request, _: Reading) -> list[PanelView]:
    """List the panels that may be named."""
    config = state_of(request).config
    return [
        PanelView(
            name=name,
            judges=[one if isinstance(one, str) else one.model for one in panel.panel],
            rule=panel.rule.value,
            is_default=name == config.panel,
        )
        for name, panel in config.panels.items()
    ]


@router.post(
    "/judge",
    responses=documented(402, 413, 422, 502, 503, 504),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": SOLUTION, "example": EXAMPLE}},
        }
    },
)
async def judge(
    request: Request,
    caller: Judging,
    panel: Annotated[str | None, Query(description="Who judges.", max_length=100)] = None,
) -> FoundView:
    """Find the first faulty step of one solution, now. Nothing is stored but the answers of endpoints.

    What takes longer than the service's limit is given up; jobs take as long as they need.
    """
    state = state_of(request)
    limits = state.config.limits
    try:
        row = parse(await read_body(request, limits.solution_bytes))
    except ValueError as error:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"not JSON: {error}", hint="Send one solution as a JSON object"
        ) from None
    item = read_row(row)
    if item.case is None:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            item.reason or "no solution",
            hint='Send {"problem": TEXT, "steps": [TEXT, ...]}',
        )
    name, case = panel or state.config.panel, item.case
    if not state.judging.available_tokens:
        raise RefusedError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{limits.judging} solutions are being judged already",
            hint="Wait a moment, or send a job",
            headers={"retry-after": "1"},
        )
    try:
        with anyio.fail_after(limits.seconds):
            # Given up, it holds its place until it has come to its end.
            found, usd = await to_thread.run_sync(
                _judge, state, caller.key_id, name, case, abandon_on_cancel=True, limiter=state.judging
            )
    except TimeoutError:
        raise RefusedError(
            HTTPStatus.GATEWAY_TIMEOUT,
            f"judging took longer than {limits.seconds:g} s",
            hint="Send a job, which may take as long as it needs",
        ) from None
    verdict: dict[str, Any] = json.loads(sendable(found.model_dump(mode="json")))
    return FoundView(panel=name, verdict=verdict, usd=usd)


def _judge(state: State, key_id: str | None, name: str, case: Case) -> tuple[Verdict, float | None]:
    config = state.config.panels.get(name)
    if config is None:
        raise ConfigError(f"panel: there is no {name!r}", hint=f"Known are {', '.join(state.config.panels)}")
    with state.purses.opened(key_id, config.budget) as spending:
        return _found(state, config, case, spending)


def _found(state: State, config: JudgeConfig, case: Case, spending: Spending) -> tuple[Verdict, float | None]:
    with members(config, state.rollout, ledger=state.ledger, spending=spending) as asked:
        whole = assemble(asked, config, skipped=lambda _: None, say=lambda _: None)
        (found,) = whole.judge([case])
        # Of a key without a budget it is its panel's, and a verdict like any other that says why.
        if is_unasked(found) and spending.is_spent and spending.budget is not config.budget:
            raise SpentError
        return (found.votes[0] if len(asked) == 1 else found), price(found, asked)
