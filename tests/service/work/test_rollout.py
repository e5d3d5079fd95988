"""The rollout judge of a service: loaded once, and for one at a time."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from firstfault.annotate.grading import Grader
from firstfault.datasets.errors import ConfigError
from firstfault.datasets.records import Verdict
from firstfault.judge.case import Case
from firstfault.judge.config import JudgeConfig
from firstfault.service.config import ServiceConfig
from firstfault.service.work import rollout
from firstfault.service.work.rollout import SharedRollout
from service_app import RIGHT, App


class Counting:
    """A judge that sees whether two ask it at the same time."""

    name = "rollout"

    def __init__(self) -> None:
        self.judged = 0
        self._busy = threading.Lock()

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        assert self._busy.acquire(blocking=False)
        for case in cases:
            self.judged += 1
            yield Verdict.model_validate(
                {"solution_id": case.solution.id, "judge": self.name, "status": "unsure"}
            )
        self._busy.release()


def test_solutions_judged_at_once_share_one_model(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch):
    loaded: list[Counting] = []

    def load(*_: object) -> Counting:
        loaded.append(Counting())
        return loaded[-1]

    monkeypatch.setattr(rollout, "load_rollout", load)
    panels = {"both": JudgeConfig.model_validate({"panel": ["symbolic", "rollout"]})}
    config = ServiceConfig(panels=panels, panel="both", model=tmp_path)
    with Grader() as grader, App(tmp_path, url, config, rollout=SharedRollout(config, grader)) as app:
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: app.client.post("/v1/judge", json=RIGHT), range(8)))
        assert [one.status_code for one in answers] == [200] * 8
        assert [one.judged for one in loaded] == [8]


def test_who_has_no_model_says_how_to_give_it():
    with Grader() as grader, pytest.raises(ConfigError) as raised:
        SharedRollout(ServiceConfig(), grader)()
    assert "--config" in raised.value.hint
