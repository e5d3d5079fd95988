"""Routes of runs: how far they are, what they found, what people said, the pairs that were made."""

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response

from ...datasets.errors import FirstFaultError
from ...datasets.records import ErrorType, Pair, Review, Split, VerdictStatus
from ...datasets.store import read_records
from ...loop.folder import RunFolder
from ..store.search import LARGEST
from ..work import runs
from .jobs import Limit, Reading
from .refusals import RefusedError, documented, not_found
from .state import state_of
from .views import DatasetView, Page, RunState, RunView, StageView

router = APIRouter(prefix="/v1", tags=["runs"])
Offset = Annotated[int, Query(ge=0, le=LARGEST, description="`next` of the page before.")]
T = TypeVar("T")


@router.get("/runs", responses=documented(422))
def listed(request: Request, _: Reading, after: Offset = 0, limit: Limit = 50) -> Page[RunView]:
    """List runs, those that changed last first."""
    known = state_of(request).runs
    names = _page(known.names(), after, limit)
    folders = [(name, known.find(name)) for name in names.items]
    shown = [view(name, folder) for name, folder in folders if folder is not None]
    return Page(items=[one for one in shown if one is not None], next=names.next)


@router.get("/runs/{run}", responses=documented(404, 422))
def show(request: Request, _: Reading, run: str) -> RunView:
    """Show a run."""
    shown = view(run, find(request, run))
    if shown is None:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the configuration of {run!r} can't be read",
            hint="Was it made by another version? `firstfault show RUN` says more",
        )
    return shown


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
    after: Offset = 0,
    limit: Limit = 50,
) -> Page[Review]:
    """List what people said of a run's solutions, under pseudonyms."""
    folder = find(request, run)
    name = runs.config(folder).main.name
    found = [
        one
        for split in Split
        for one in folder.reviews(name, split)
        if status in (None, one.status) and reviewer in (None, one.reviewer)
    ]
    return _page(found, after, limit)


@router.get("/runs/{run}/pairs", responses=documented(404, 422))
def pairs(
    request: Request,
    _: Reading,
    run: str,
    part: Annotated[Literal["train", "test"], Query(description="`test` is set aside.")] = "train",
    error_type: ErrorType | None = None,
    after: Offset = 0,
    limit: Limit = 50,
) -> Page[Pair]:
    """List the preference pairs that were made of a run's faults."""
    folder = find(request, run)
    found = [one for one in _pairs(folder, part) if error_type in (None, one.error_type)]
    return _page(found, after, limit)


@router.get("/datasets", responses=documented(422))
def datasets(request: Request, _: Reading, after: Offset = 0, limit: Limit = 50) -> Page[DatasetView]:
    """List the Silver Bullet sets of runs that have made one."""
    known = state_of(request).runs
    found = [
        name
        for name in known.names()
        if (folder := known.find(name)) is not None and any((folder.path / "pairs").glob("*.parquet"))
    ]
    names = _page(found, after, limit)
    return Page(items=[dataset_view(name, find(request, name)) for name in names.items], next=names.next)


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
    train = _pairs(folder, "train")
    kinds = Counter(pair.error_type.value if pair.error_type else "unknown" for pair in train)
    return DatasetView(
        run=run,
        variant=runs.config(folder).main.name,
        train=len(train),
        test=len(_pairs(folder, "test")),
        error_types=dict(kinds),
    )


def _pairs(folder: RunFolder, part: str) -> list[Pair]:
    name = runs.config(folder).main.name
    path = folder.pairs_path(name) if part == "train" else folder.test_pairs_path(name)
    return read_records(path, Pair) if path.is_file() else []


def _page(found: Sequence[T], after: int, limit: int) -> Page[T]:
    end = after + limit
    return Page(items=list(found[after:end]), next=str(end) if len(found) > end else None)
