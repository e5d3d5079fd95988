"""The regressions that a report shows."""

from typing import NamedTuple

from ..datasets.records import Pair, Split, Verdict
from ..datasets.store import read_records
from ..judge.case import Case
from .folder import RunFolder
from .report import MOST_REGRESSIONS
from .stages import wrong_cases


class Shown(NamedTuple):
    """One of them, with what was found and made of it."""

    case: Case
    verdict: Verdict
    pair: Pair | None


def choose_shown(folder: RunFolder, name: str) -> list[Shown]:
    """Choose mined regressions to look at: those that pairs were made of first; none without pairs."""
    if not folder.pairs_path(name).is_file():
        return []
    pairs = {pair.solution_id: pair for pair in read_records(folder.pairs_path(name), Pair)}
    order = {solution_id: place for place, solution_id in enumerate(pairs)}
    cases = wrong_cases(folder, name, Split.MINING)
    found = [
        Shown(case, verdict, pairs.get(case.solution.id))
        for case, verdict in zip(cases, folder.verdicts(name, Split.MINING), strict=True)
    ]
    return sorted(found, key=lambda one: order.get(one.case.solution.id, len(order)))[:MOST_REGRESSIONS]
