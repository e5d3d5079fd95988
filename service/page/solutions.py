"""The page of solutions: found by filters that stand in the address, and one of them, looked at closely."""

from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ...annotate.steps import bare_step
from ...datasets.records import ErrorType, Pair, Review, Solution, Verdict, VerdictStatus
from ...datasets.store import parse_json
from ...loop import profiled, wording
from ...loop.aligned import MOST_ROWS, Cell, aligned_rows
from ...loop.folder import FULL_PRECISION
from ...loop.models import RESTORED
from ...loop.page import pair_sides
from ...loop.report import Regression, Role
from ..api.refusals import not_found
from ..api.state import state_of
from ..api.verdicts import case_of, load
from ..store.counts import Counts
from ..store.search import LARGEST, Wanted, neighbours, start
from ..store.tables import Item, Job, Vote
from .addresses import number, whole
from .pages import Viewing
from .rendering import page

router = APIRouter(include_in_schema=False)
_AT_ONCE = 50
_BEFORE = 5
"""So many are shown before the one that was looked at last."""
_MOST_SCOPES = 200


class Row(NamedTuple):
    """A solution in a list."""

    item: int
    question: str
    status: str
    first_fault: int | None
    error_type: str | None
    disagree: bool
    rationale: str
    has_reviews: bool
    has_pair: bool
    source: str
    """Whose it is, where the list is not of one job."""


def sought(request: Request) -> Wanted:
    """Read what an address asks for; what makes no sense is passed over, as people edit addresses."""
    given = request.query_params

    def text(name: str) -> str | None:
        value = given.get(name, "")
        return value if value and value.isprintable() and len(value) <= 200 else None

    # What the list of filters gives where no script has taken it apart.
    kind_of, _, name = (text("of") or "").partition(":")
    step = number(request, "step", LARGEST)
    status, kind = given.get("status"), given.get("error_type")
    return Wanted(
        run=name if kind_of == "run" else text("run"),
        job=name if kind_of == "job" else text("job"),
        status=VerdictStatus(status) if status in tuple(VerdictStatus) else None,
        error_type=ErrorType(kind) if kind in tuple(ErrorType) else None,
        first_fault=None if step is None else step - 1,
        judge=text("judge"),
        disagree=True if given.get("disagree") == "true" else None,
        needs_review=True if given.get("needs_review") == "true" else None,
    )


Sought = Annotated[Wanted, Depends(sought)]


@router.get("/solutions")
def solutions(request: Request, _: Viewing, sought: Sought) -> Response:
    """List solutions; more of them where a part of the page asks."""
    at = number(request, "at", LARGEST)
    with state_of(request).database.session() as session:
        after = start(session, sought, at, _BEFORE) if at else number(request, "after", LARGEST) or 0
        query = sought.within().where(Item.id > after).order_by(Item.id).limit(_AT_ONCE + 1)
        found = session.scalars(query).all()
        last = found[_AT_ONCE - 1].id if len(found) > _AT_ONCE else None
        shown = found[:_AT_ONCE]
        sources = {} if sought.job else _sources(session, {item.job_id for item in shown})
        votes = _votes(session, [item.id for item in shown], sought.judge) if sought.judge else {}
        rows: dict[str, Any] = {
            "rows": [_row(item, sources.get(item.job_id, ""), votes.get(item.id)) for item in shown],
            "query": _filters_query(sought),
            "at": at,
            "more": "/solutions" + _filters_query(sought, after=last) if last is not None else "",
        }
        if "part" in request.query_params:
            return page(request, "rows.html.jinja", **rows)
        counts = Counts.of(session, sought)
        scopes = session.scalars(
            select(Job).where(Job.done > 0).order_by(Job.created_at.desc()).limit(_MOST_SCOPES)
        ).all()
        chosen = session.get(Job, sought.job) if sought.job else None
    if chosen is not None and chosen.id not in {one.id for one in scopes}:
        scopes = [chosen, *scopes]
    where = _source(chosen) if chosen is not None else sought.run or ""
    known = dict.fromkeys([*([sought.run] if sought.run else []), *(one.run for one in scopes if one.run)])
    groups = [
        ("Runs", [(f"run:{run}", run) for run in known]),
        ("Parts of runs", [(f"job:{one.id}", _source(one)) for one in scopes if one.run]),
        ("Jobs", [(f"job:{one.id}", _source(one)) for one in scopes if not one.run]),
    ]
    return page(
        request,
        "solutions.html.jinja",
        place="solutions",
        sought=sought,
        counts=counts,
        groups=groups,
        of=f"job:{sought.job}" if sought.job else f"run:{sought.run}" if sought.run else "",
        where=where,
        is_filtered=sought != Wanted(),
        is_later=after > 0,
        **rows,
    )


@router.get("/solutions/{item}")
def solution(request: Request, _: Viewing, item: str, sought: Sought) -> Response:
    """Show a solution: its steps, the faulty one marked, votes, reviews, the pair made of it."""
    number = whole(item, LARGEST)
    if number is None:
        raise not_found("solution", item)
    found = load(request, number)
    case = case_of(found)
    with state_of(request).database.session() as session:
        before, after = neighbours(session, sought, found.id)
        job = session.get_one(Job, found.job_id)
    verdict = Verdict.model_validate(parse_json((found.verdict or "{}").encode()))
    context: dict[str, Any] = parse_json((found.context or "{}").encode())
    pair = _record(Pair, context.get("pair"))
    reference = _record(Solution, context.get("full_precision"))
    regression = None
    if reference is not None:
        regression = Regression(
            problem=case.problem,
            full_precision=reference,
            quantized=case.solution,
            verdict=verdict,
            pair=pair,
        )
    # What people settled keeps the panel's verdict as its vote, and that the judges'.
    votes = verdict.votes
    if len(votes) == 1 and votes[0].votes:
        votes = (*votes, *votes[0].votes)
    cells = _cells(case.solution, verdict.first_fault)
    return page(
        request,
        "solution.html.jinja",
        place="solutions",
        item=found.id,
        name=found.name,
        query=_filters_query(sought),
        back=_filters_query(sought, at=found.id),
        before=before,
        after=after,
        problem=case.problem,
        solution=case.solution,
        r=regression,
        v=verdict,
        fault=verdict.first_fault,
        usd=found.usd,
        disagree=found.disagree,
        votes=votes,
        reviews=[one for one in (_record(Review, row) for row in context.get("reviews", ())) if one],
        pair=pair,
        cells=cells,
        steps_left=max(0, len(case.solution.steps) - len(cells)),
        roles={**wording.ROLES, "quantized": wording.ROLES[_role(case.solution.model)]},
        job=job.id,
        run=job.run,
        part=job.name or job.id,
        source=_source(job),
        aligned=aligned_rows,
        shaded=profiled.shaded,
        pair_sides=pair_sides,
    )


def _record(kind: Any, row: Any) -> Any:
    """A record of a run; `None` where there is none, or one of a version that wrote others."""
    try:
        return None if row is None else kind.model_validate(row)
    except ValidationError:
        return None


def _cells(solution: Solution, fault: int | None) -> list[Cell]:
    steps = solution.steps or (solution.text,)
    most = max(10 * MOST_ROWS, 0 if fault is None else fault + MOST_ROWS)
    states = ["fine" if fault is None or at < fault else "after" for at in range(len(steps))]
    if fault is not None and fault < len(states):
        states[fault] = "fault"
    shown = list(zip(steps, states, strict=True))[:most]
    return [Cell(at + 1, bare_step(step), state) for at, (step, state) in enumerate(shown)]


def _role(model: str) -> Role:
    if model == FULL_PRECISION:
        return "full_precision"
    return "restored" if model.endswith(RESTORED) else "quantized"


def _source(job: Job) -> str:
    return f"{job.run}: {job.name}" if job.run else job.name or job.id


def _sources(session: Session, jobs: set[str]) -> dict[str, str]:
    return {job.id: _source(job) for job in session.scalars(select(Job).where(Job.id.in_(jobs)))}


def _votes(session: Session, items: list[int], judge: str) -> dict[int, Vote]:
    found = session.scalars(select(Vote).where(Vote.item_id.in_(items), Vote.judge == judge))
    return {vote.item_id: vote for vote in found}


def _row(item: Item, source: str, vote: Vote | None) -> Row:
    """What a list shows of a solution; found by a judge's vote, what that judge found."""
    context: dict[str, Any] = parse_json((item.context or "{}").encode())
    found = vote or item
    return Row(
        item=item.id,
        question=case_of(item).problem.question,
        status=found.status or "",
        first_fault=found.first_fault,
        error_type=found.error_type,
        disagree=bool(item.disagree),
        rationale=item.rationale or "" if vote is None else "",
        source=source,
        has_reviews=bool(context.get("reviews")),
        has_pair="pair" in context,
    )


def _filters_query(sought: Wanted, **more: object) -> str:
    """What is sought, as it stands in an address."""
    step = None if sought.first_fault is None else sought.first_fault + 1
    values = {
        "run": sought.run,
        "job": sought.job,
        "status": sought.status.value if sought.status else None,
        "error_type": sought.error_type.value if sought.error_type else None,
        "step": step,
        "judge": sought.judge,
        "disagree": "true" if sought.disagree else None,
        "needs_review": "true" if sought.needs_review else None,
        **more,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
