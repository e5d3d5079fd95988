from collections.abc import Sequence
from pathlib import Path

import pytest
from firstfault.annotate.engines.engine import Completion, Prompt, Sampling
from firstfault.datasets.records import Finish
from firstfault.loop.journal import Journal, JournaledEngine


class Echo:
    """Completes with the question in capitals, two prompts a batch; breaks off after some batches."""

    name = "echo"

    def __init__(self, breaks_after: int = 10**9) -> None:
        self.done = 0
        self._breaks_after = breaks_after

    def batches(self, prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        return [list(prompts[i : i + 2]) for i in range(0, len(prompts), 2)]

    def completed(self, batches: Sequence[Sequence[Prompt]], sampling: Sampling):
        for number, batch in enumerate(batches):
            if self.done == self._breaks_after:
                raise KeyboardInterrupt
            self.done += 1
            yield number, [Completion(p.key, 0, p.question.upper() + p.prefix, Finish.STOP, 1) for p in batch]

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling):
        raise AssertionError("the journal works batch by batch")


PROMPTS = [Prompt(str(n), f"question {n}", "é\n") for n in range(7)]


def test_finished_batches_are_not_done_again(tmp_path: Path):
    broken, path = Echo(breaks_after=2), tmp_path / "work.jsonl"
    with pytest.raises(KeyboardInterrupt):
        list(JournaledEngine(broken, Journal(path)).generate(PROMPTS, Sampling()))
    resumed = Echo()
    got = list(JournaledEngine(resumed, Journal(path)).generate(PROMPTS, Sampling()))
    assert resumed.done == 2
    assert got == list(JournaledEngine(Echo(), Journal(tmp_path / "other")).generate(PROMPTS, Sampling()))


def test_a_line_cut_off_by_a_kill_is_dropped_and_done_anew(tmp_path: Path):
    path = tmp_path / "work.jsonl"
    list(JournaledEngine(Echo(), Journal(path)).generate(PROMPTS, Sampling()))
    whole = path.read_bytes()
    for cut in range(1, 60, 7):
        path.write_bytes(whole[:-cut])
        again = Echo()
        list(JournaledEngine(again, Journal(path)).generate(PROMPTS, Sampling()))
        assert again.done == 1
        assert path.read_bytes() == whole


def test_other_sampling_or_another_model_is_other_work(tmp_path: Path):
    journal = Journal(tmp_path / "work.jsonl")
    list(JournaledEngine(Echo(), journal).generate(PROMPTS, Sampling()))
    other = Echo()
    list(JournaledEngine(other, journal).generate(PROMPTS, Sampling(seed=1)))
    other.name = "another"
    list(JournaledEngine(other, journal).generate(PROMPTS, Sampling()))
    assert other.done == 8


def test_keys_of_prompts_are_the_callers_own(tmp_path: Path):
    journal = Journal(tmp_path / "work.jsonl")
    list(JournaledEngine(Echo(), journal).generate(PROMPTS, Sampling()))
    renamed = [prompt._replace(key=f"new {prompt.key}") for prompt in PROMPTS]
    again = Echo()
    keys = [one.key for one in JournaledEngine(again, journal).generate(renamed, Sampling())]
    assert again.done == 0
    assert keys == [prompt.key for prompt in renamed]


def test_progress_counts_work_done_before_too(tmp_path: Path):
    journal = Journal(tmp_path / "work.jsonl")
    counts: list[int] = []
    for _ in range(2):
        list(JournaledEngine(Echo(), journal, counts.append).generate(PROMPTS, Sampling()))
    assert counts == [2, 2, 2, 1] * 2


def test_another_model_of_the_same_name_is_asked_anew(tmp_path: Path):
    path, second, third = tmp_path / "work.jsonl", Echo(), Echo()
    list(JournaledEngine(Echo(), Journal(path), model="m-1").generate(PROMPTS, Sampling()))
    list(JournaledEngine(second, Journal(path), model="m-2").generate(PROMPTS, Sampling()))
    list(JournaledEngine(third, Journal(path), model="m-1").generate(PROMPTS, Sampling()))
    assert (second.done, third.done) == (4, 0)
