"""The page of solutions: found by filters that stand in the address, and one of them, looked at closely."""

from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy import select

from ...annotate.steps import bare_step
from ...datasets.records import ErrorType, Pair, Review, Solution, Verdict, VerdictStatus
from ...datasets.store import parse_json
from ...loop import profiled, wording
from ...loop.aligned import MOST_ROWS, Cell, aligned_rows
from ...loop.page import pair_sides
from ...loop.report import Regression
from ..api.state import state_of
from ..api.verdicts import case_of, load
from ..store.search import LARGEST, Counts, Wanted, neighbours
from ..store.tables import Item, Job
from .pages import Viewing
from .rendering import page

router = APIRouter(include_in_schema=False)
_AT_ONCE = 50
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


def sought(request: Request) -> Wanted:
    """Read what an address asks for; what makes no sense is passed over, as people edit addresses."""
    given = request.query_params

    def number(name: str, least: int) -> int | None:
        text = given.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and least <= int(text) <= LARGEST else None

    def text(name: str) -> str | None:
        value = given.get(name, "")
        return value if value and value.isprintable() and len(value) <= 200 else None

    step = number("step", 1)
    status, kind = given.get("status"), given.get("error_type")
    return Wanted(
        run=text("run"),
        job=text("job"),
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
    given = request.query_params.get("after", "")
    after = int(given) if given.isascii() and given.isdigit() and int(given) <= LARGEST else 0
    with state_of(request).database.session() as session:
        query = sought.within().where(Item.id > after).order_by(Item.id).limit(_AT_ONCE + 1)
        found = session.scalars(query).all()
        last = found[_AT_ONCE - 1].id if len(found) > _AT_ONCE else None
        rows: dict[str, Any] = {
            "rows": [_row(item) for item in found[:_AT_ONCE]],
            "query": _address(sought),
            "more": "/solutions" + _address(sought, after=last) if last is not None else "",
        }
        if "part" in request.query_params:
            return page(request, "rows.html.jinja", **rows)
        counts = Counts.of(session, sought)
        scopes = session.scalars(
            select(Job).where(Job.done > 0).order_by(Job.created_at.desc()).limit(_MOST_SCOPES)
        ).all()
    named = [
        {"id": one.id, "name": f"{one.run}: {one.name}" if one.run else one.name or one.id} for one in scopes
    ]
    where = next((one["name"] for one in named if one["id"] == sought.job), sought.run or "")
    return page(
        request,
        "solutions.html.jinja",
        place="solutions",
        sought=sought,
        counts=counts,
        scopes=named,
        scope_name="job",
        where=where,
        is_filtered=sought != Wanted(),
        **rows,
    )


@router.get("/solutions/{item}")
def solution(request: Request, _: Viewing, item: int, sought: Sought) -> Response:
    """Show a solution: its steps, the faulty one marked, votes, reviews, the pair made of it."""
    found = load(request, item)
    case = case_of(found)
    with state_of(request).database.session() as session:
        before, after = neighbours(session, sought, found.id)
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
        query=_address(sought),
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
        roles=wording.ROLES,
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


def _row(item: Item) -> Row:
    context: dict[str, Any] = parse_json((item.context or "{}").encode())
    return Row(
        item=item.id,
        question=case_of(item).problem.question,
        status=item.status or "",
        first_fault=item.first_fault,
        error_type=item.error_type,
        disagree=bool(item.disagree),
        rationale=item.rationale or "",
        has_reviews=bool(context.get("reviews")),
        has_pair="pair" in context,
    )


def _address(sought: Wanted, **more: object) -> str:
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
