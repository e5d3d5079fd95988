"""Routes of runs: how far they are, what they found, what people said, the pairs that were made."""

from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response

from ...datasets.errors import FirstFaultError
from ...datasets.parquet import parquet_column, parquet_length
from ...datasets.records import ErrorType, Pair, Review, Split, VerdictStatus
from ...loop.folder import RunFolder
from ..store.search import LARGEST
from ..work import runs
from ..work.listing import numbered
from .jobs import Limit, Reading
from .refusals import RefusedError, documented, not_found
from .state import state_of
from .views import DatasetView, Page, RunState, RunView, StageView

router = APIRouter(prefix="/v1", tags=["runs"])
_NEXT = "`next` of the page before."
Place = Annotated[int, Query(ge=0, le=LARGEST, description=_NEXT)]
# By name: a run that is at work would change its place among those that changed last while they are paged,
# and be the one that is on no page.
Name = Annotated[
    str | None, Query(max_length=100, pattern="^[A-Za-z0-9_][A-Za-z0-9._-]*$", description=_NEXT)
]
T = TypeVar("T")


@router.get("/runs", responses=documented(422))
def listed(request: Request, _: Reading, after: Name = None, limit: Limit = 50) -> Page[RunView]:
    """List runs, by name."""
    views = (
        (name, one) for name, folder in _runs_after(request, after) if (one := view(name, folder)) is not None
    )
    return _page(views, limit)


@router.get("/runs/{run}", responses=documented(404, 422))
def show(request: Request, _: Reading, run: str) -> RunView:
    """Show a run."""
    return shown(request, run)


@router.get("/runs/{run}/stages", responses=documented(404, 422))
def stages(request: Request, _: Reading, run: str) -> list[StageView]:
    """List a run's stages, in order."""
    return stage_views(find(request, run))


@router.get(
    "/runs/{run}/report",
    response_model=dict[str, Any],
    responses=documented(404, 422),
)
def report(request: Request, _: Reading, run: str) -> Response:
    """Show a run's report as far as it is: what `report.json` holds."""
    path = find(request, run).path / runs.JSON_NAME
    if not path.is_file():
        raise not_found("report", run)
    return Response(path.read_bytes(), media_type="application/json")


@router.get("/runs/{run}/reviews", responses=documented(404, 422))
def reviews(
    request: Request,
    _: Reading,
    run: str,
    status: VerdictStatus | None = None,
    reviewer: Annotated[str | None, Query(max_length=200)] = None,
    after: Place = 0,
    limit: Limit = 50,
) -> Page[Review]:
    """List what people said of a run's solutions, under pseudonyms."""
    folder = find(request, run)
    name = runs.config(folder).main.name
    paths = [folder.reviews_path(name, split) for split in Split]
    found = (
        (place, one)
        for place, one in numbered(paths, Review, after)
        if status in (None, one.status) and reviewer in (None, one.reviewer)
    )
    return _page(found, limit)


@router.get("/runs/{run}/pairs", responses=documented(404, 422))
def pairs(
    request: Request,
    _: Reading,
    run: str,
    part: Annotated[Literal["train", "test"], Query(description="`test` is set aside.")] = "train",
    error_type: ErrorType | None = None,
    after: Place = 0,
    limit: Limit = 50,
) -> Page[Pair]:
    """List the preference pairs that were made of a run's faults."""
    folder = find(request, run)
    name = runs.config(folder).main.name
    path = folder.pairs_path(name) if part == "train" else folder.test_pairs_path(name)
    found = (
        (place, one) for place, one in numbered([path], Pair, after) if error_type in (None, one.error_type)
    )
    return _page(found, limit)


@router.get("/datasets", responses=documented(422))
def datasets(request: Request, _: Reading, after: Name = None, limit: Limit = 50) -> Page[DatasetView]:
    """List the Silver Bullet sets of runs that have made one, by the runs' names."""
    views = (
        (name, dataset_view(name, folder))
        for name, folder in _runs_after(request, after)
        if any((folder.path / "pairs").glob("*.parquet"))
    )
    return _page(views, limit)


@router.get("/datasets/{run}", responses=documented(404, 422))
def dataset(request: Request, _: Reading, run: str) -> DatasetView:
    """Show a run's Silver Bullet set."""
    return dataset_view(run, find(request, run))


def find(request: Request, run: str) -> RunFolder:
    """Return a run's folder.

    Raises:
        RefusedError: If there is none of that name.
    """
    folder = state_of(request).runs.find(run)
    if folder is None:
        raise not_found("run", run)
    return folder


def shown(request: Request, run: str) -> RunView:
    """Return what is shown of a run.

    Raises:
        RefusedError: If there is none of that name, or its configuration can't be read.
    """
    found = view(run, find(request, run))
    if found is None:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the configuration of {run!r} can't be read",
            hint="Was it made by another version? `firstfault show RUN` says more",
        )
    return found


def view(name: str, folder: RunFolder) -> RunView | None:
    """Show a run; `None` where its configuration can't be read."""
    try:
        config = runs.config(folder)
    except (FirstFaultError, OSError):
        return None
    standing = runs.standing(folder)
    found = runs.report(folder)
    main = found.main if found is not None else None
    is_finished = len(standing.finished) == len(standing.stages)
    ended = RunState.FINISHED if is_finished else RunState.STOPPED
    return RunView(
        name=name,
        state=RunState.RUNNING if standing.is_alive else ended,
        model=config.model.name if config.model is not None else "bundled",
        headline=config.main.name,
        problems=config.problems.title,
        stage=standing.stage,
        finished=len(standing.finished),
        stages=len(standing.stages),
        task=standing.task,
        done=standing.done,
        total=standing.total,
        started_at=standing.started_at,
        usd=runs.cost(folder),
        full_precision=main.accuracy.full_precision.value if main else None,
        quantized=main.accuracy.quantized.value if main else None,
        restored=main.accuracy.restored.value if main and main.accuracy.restored else None,
        recovery=main.recovery.value if main and main.recovery else None,
    )


def stage_views(folder: RunFolder) -> list[StageView]:
    """Show a run's stages."""
    standing = runs.standing(folder)
    seconds = folder.facts("seconds")
    shown: list[StageView] = []
    for name in standing.stages:
        is_under_way = standing.is_alive and name == standing.stage
        ended = "finished" if name in standing.finished else "waiting"
        shown.append(
            StageView(name=name, state="running" if is_under_way else ended, seconds=seconds.get(name))
        )
    return shown


def dataset_view(run: str, folder: RunFolder) -> DatasetView:
    """Show what was made of a run."""
    name = runs.config(folder).main.name
    train, test = folder.pairs_path(name), folder.test_pairs_path(name)
    types: list[str | None] = parquet_column(train, "error_type") if train.is_file() else []
    return DatasetView(
        run=run,
        variant=name,
        train=len(types),
        test=parquet_length(test) if test.is_file() else 0,
        error_types=dict(Counter(kind or "unknown" for kind in types)),
    )


def _runs_after(request: Request, after: str | None) -> Iterator[tuple[str, RunFolder]]:
    """Yield runs by name, from the one after a name on."""
    known = state_of(request).runs
    for name in sorted(known.names()):
        folder = known.find(name) if after is None or name > after else None
        if folder is not None:
            yield name, folder


def _page(found: Iterable[tuple[object, T]], limit: int) -> Page[T]:
    """A page of what was found, each with what `after` is to be for those that follow."""
    drawn = list(islice(found, limit + 1))
    has_more = len(drawn) > limit
    return Page(items=[one for _, one in drawn[:limit]], next=str(drawn[limit - 1][0]) if has_more else None)
