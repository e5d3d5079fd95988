"""What Prometheus reads, made from the database whenever it asks: others did the work."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from ..store.database import Database
from ..store.tables import Job, Tally
from ..store.tallies import BUCKET, BUCKETS, JUDGED, PANELS, SECONDS, TOKENS, USD, VERDICTS
from ..store.workers import living
from ..work.queue import Line
from ..work.states import JobState

_COUNTERS = {
    VERDICTS: ("firstfault_verdicts", "Verdicts.", ("status", "error_type")),
    PANELS: (
        "firstfault_panel_votes",
        "Verdicts of several votes, by whether they agree.",
        ("panel", "agree"),
    ),
    TOKENS: ("firstfault_tokens", "Tokens read and written by judges.", ("panel",)),
    USD: ("firstfault_cost_usd", "US dollars paid.", ("panel",)),
}


def rendered(database: Database, line: Line) -> bytes:
    """Return all metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Counts(database, line))
    return generate_latest(registry)


class _Counts(Collector):
    def __init__(self, database: Database, line: Line) -> None:
        self._database = database
        self._line = line

    def collect(self) -> Iterator[Metric]:
        with self._database.session() as session:
            counted = session.execute(
                select(Job.state, func.count()).where(Job.run.is_(None)).group_by(Job.state)
            ).all()
            states = {row[0]: row[1] for row in counted}
            left = session.scalar(
                select(func.sum(Job.items - Job.done)).where(
                    Job.state.in_([JobState.QUEUED.value, JobState.RUNNING.value])
                )
            )
            workers = len(living(self._database, session))
            tallies = session.scalars(select(Tally)).all()
        jobs = GaugeMetricFamily("firstfault_jobs", "Jobs.", labels=["state"])
        for state in JobState:
            if state is JobState.UPLOADING:
                continue
            jobs.add_metric([state.value], states.get(state.value, 0))
        yield jobs
        yield GaugeMetricFamily("firstfault_turns_waiting", "Turns in line.", value=self._line.waiting())
        yield GaugeMetricFamily("firstfault_items_waiting", "Solutions without a verdict.", value=left or 0)
        yield GaugeMetricFamily("firstfault_workers", "Workers that give signs of life.", value=workers)
        found: defaultdict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for tally in tallies:
            found[tally.metric].append((json.loads(tally.labels), tally.value))
        for metric, (name, what, labels) in _COUNTERS.items():
            counter = CounterMetricFamily(name, what, labels=labels)
            for values, value in found[metric]:
                counter.add_metric([values[label] for label in labels], value)
            yield counter
        yield _seconds(found)


def _seconds(found: dict[str, list[tuple[dict[str, str], float]]]) -> Metric:
    family: Any = HistogramMetricFamily(
        "firstfault_verdict_seconds", "Time that a verdict takes, the mean of its chunk.", labels=["panel"]
    )
    sums = {labels["panel"]: value for labels, value in found[SECONDS]}
    bounds = {(labels["panel"], labels["le"]): value for labels, value in found[BUCKET]}
    for labels, count in found[JUDGED]:
        panel = labels["panel"]
        buckets = [(str(bound), bounds.get((panel, str(bound)), 0.0)) for bound in BUCKETS]
        family.add_metric([panel], [*buckets, ("+Inf", count)], sums.get(panel, 0.0))
    return family
