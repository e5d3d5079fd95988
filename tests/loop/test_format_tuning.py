"""Teaching the step format before quantization: what is learnt, what leaves mining, what is based on it."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from firstfault.annotate.compare import measure
from firstfault.annotate.grading import Grader
from firstfault.annotate.prompts import Example
from firstfault.datasets.abacus import generate
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.injector import right_solution
from firstfault.datasets.records import Finish, Problem, Solution, Split
from firstfault.datasets.store import read_records
from firstfault.loop.config import RunConfig, read_config, write_config
from firstfault.loop.folder import FORMAT_TUNING, FULL_PRECISION, UNTUNED, RunFolder
from firstfault.loop.format_tuning import FormatTuning, candidates, choose_lessons, draw
from firstfault.loop.models import Models
from firstfault.loop.progress import Bar, Reporter
from firstfault.loop.stages import choose_few_shot, make_problems, quantize_variants, solve
from firstfault.loop.tuning import format_tuned, measure_format_tuning, tune_format
from firstfault.models import BUNDLED
from firstfault.quant.checkpoint import weights_sha256

pytest.importorskip("trl", reason="needs the extra `local`")

from firstfault.quant.quantize import quantize


def config_of(tuning: dict[str, object], **more: object) -> RunConfig:
    fields = {"mining": 60, "held_out": 4, "levels": [2]}
    return RunConfig.model_validate(
        {
            "problems": {"abacus": fields},
            "prompt": {"answer": "boxed"},
            "variants": [{"method": "rtn", "group_size": 32}],
            "threads": 1,
            "format_tuning": tuning,
            **more,
        }
    )


def taught(config: RunConfig, folder: RunFolder) -> Models:
    make_problems(config, folder)
    models = Models(config, folder)
    choose_few_shot(models, folder, Reporter())
    models.release()
    tune_format(models, folder, Reporter())
    return models


def solved(number: int, text: str, **changes: object) -> Solution:
    fields = {"problem_id": f"p{number}", "model": "m", "text": text, "correct": True, "finish": Finish.STOP}
    return Solution.model_validate(fields | changes)


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="needs the bundled model")
def test_everything_after_it_is_based_on_the_taught_model(tmp_path: Path):
    config = config_of({"problems": 12, "epochs": 1, "batch_size": 8})
    folder = RunFolder(tmp_path / "run")
    models = taught(config, folder)
    assert models.original == BUNDLED
    assert models.base.parent.parent == folder.path
    assert models.checkpoint(FULL_PRECISION) == (models.base, None)
    assert models.checkpoint(UNTUNED) == (BUNDLED, None)
    # What the bundled model writes is right and not boxed: all that is learnt was rewritten.
    made = format_tuned(folder)
    assert made is not None
    assert (made.model, made.sha256, made.read) == (BUNDLED.name, weights_sha256(BUNDLED), 12)
    assert 9 <= made.learnt == made.rewritten <= made.right <= 12
    learnt = {one.problem_id for one in folder.solutions(UNTUNED, FORMAT_TUNING) if one.correct}
    assert not learnt & {one.id for one in folder.problems(Split.MINING)}
    assert learnt <= {one.id for one in folder.problems(Split.TRAIN)}
    assert len(folder.problems(Split.HELD_OUT)) == 4
    for model in (UNTUNED, FULL_PRECISION):
        solve(models, folder, Reporter(), model, Split.HELD_OUT)
    models.release()
    measured = measure_format_tuning(folder)
    assert measured is not None
    assert measured.before == measure(folder.solutions(UNTUNED, Split.HELD_OUT))
    assert measured.after == measure(folder.solutions(FULL_PRECISION, Split.HELD_OUT))
    assert measured.before.well_formed is not None
    assert (measured.before.n, measured.before.well_formed.value) == (4, 0)


def test_variants_are_made_of_the_taught_model_and_a_stopped_stage_ends_with_the_same_bytes(
    tiny_model: Path, tmp_path: Path
):
    given = solutions_file(tmp_path / "given.jsonl", range(30))
    config = config_of({"file": given, "epochs": 1, "batch_size": 8, "rank": 2}, model=tiny_model)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    models = taught(config, whole)
    expected = contents(whole)
    assert any(name.endswith("-format-tuned/model.safetensors") for name in expected)
    # Done is done: what is stopped at its first step is not begun.
    tune_format(models, whole, StopAt(1))
    make_problems(config, stopped)
    for step in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            tune_format(Models(config, stopped), stopped, StopAt(step))
        assert not list(stopped.path.glob("full_precision/**/*"))
    taught(config, stopped)
    assert contents(stopped) == expected
    quantize_variants(models, whole, Reporter())
    made = weights_sha256(whole.variant(config.main.name))
    for base, is_its in ((models.base, True), (tiny_model, False)):
        again = quantize(base, config.main, [], tmp_path / "again").folder
        assert (weights_sha256(again) == made) is is_its


def test_a_file_teaches_mining_problems_alone(tiny_model: Path, tmp_path: Path):
    held_out = generate(Split.HELD_OUT, 2, levels=[2])
    given = solutions_file(tmp_path / "given.jsonl", range(3), more=held_out, wrong=[1])
    config = config_of({"file": given, "epochs": 1, "rank": 2}, model=tiny_model)
    folder = RunFolder(tmp_path / "run")
    taught(config, folder)
    made = format_tuned(folder)
    assert made is not None
    assert (made.given, made.read, made.right, made.rewritten, made.learnt) == (True, 3, 2, 2, 2)
    mining = generate(Split.MINING, 3, levels=[2])
    left = {one.id: one.split for one in read_records(folder.problems_path, Problem)}
    splits = [left[one.id] for one in (*mining, *held_out)]
    assert splits == [Split.TRAIN, Split.MINING, Split.TRAIN, Split.HELD_OUT, Split.HELD_OUT]


def test_a_run_that_teaches_nothing_is_based_on_the_model_that_it_was_given(tiny_model: Path, tmp_path: Path):
    config = config_of({}, model=tiny_model, format_tuning=None)
    folder = RunFolder(tmp_path / "run")
    models = taught(config, folder)
    assert models.base == models.original == tiny_model
    assert measure_format_tuning(folder) is None
    assert not (folder.path / "full_precision").exists()


def test_the_file_of_a_configuration_is_found_beside_it_or_refused_at_once(tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_text("variants: [{method: rtn}]\nformat_tuning: {file: given.jsonl}\n")
    config = read_config(path)
    assert config.format_tuning is not None
    assert config.format_tuning.file == tmp_path / "given.jsonl"
    path.write_text(write_config(config))
    assert read_config(path) == config
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(InputError, match=r"format_tuning.file: .*given.jsonl: no such file"):
        make_problems(config, folder)
    assert not folder.problems_path.exists()


def test_only_right_solutions_that_can_be_brought_into_the_format_are_learnt():
    problems = [Problem(id=f"p{n}", question=f"q{n}", answer="7") for n in range(6)]
    fine = "Step 1: 3 + 4 = 7.\nAnswer: 7"
    solutions = [
        solved(0, fine),
        solved(1, fine, correct=False),
        solved(2, fine, finish=Finish.LENGTH),
        solved(3, "3 + 4 = 7.\n\nSo it is 7.\n\n#### 7"),
        solved(4, "7"),
        # Right by its last number alone: it states nothing that could go into the format.
        solved(5, "3 + 4 makes\n\n7"),
    ]
    with Grader() as grader:
        lessons = choose_lessons(problems, solutions, grader, "line")
        assert [(one.problem.id, one.rewritten) for one in lessons] == [("p0", False), ("p3", True)]
        assert lessons[1].solution == "Step 1: 3 + 4 = 7.\nStep 2: So it is 7.\nAnswer: 7"
        with pytest.raises(ConfigError, match="of 4 solutions of mining problems 2 are right, and none"):
            choose_lessons(problems, solutions[1:3] + solutions[4:], grader, "line")


def test_held_out_problems_and_those_shown_in_the_prompt_are_not_drawn():
    problems = [
        Problem(question="Two apples?", answer="2", split=Split.TRAIN),
        Problem(question="Seven pears?", answer="7", split=Split.TRAIN),
        Problem(question="Eight figs?", answer="8", split=Split.MINING),
        Problem(question="Nine plums?", answer="9"),
    ]
    pool = candidates(problems, [Example(question="two apples", solution="2")])
    assert pool == problems[1:3]
    assert sorted(one.answer for one in draw(pool, FormatTuning(problems=9))) == ["7", "8"]
    many = [Problem(question=f"{n} figs?", answer=str(n)) for n in range(50)]
    drawn = draw(many, FormatTuning(problems=5))
    assert drawn == draw(many, FormatTuning(problems=5)) != draw(many, FormatTuning(problems=5, seed=1))


class StopAt(Reporter):
    """Breaks off a task at some bit of its work."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    @contextmanager
    def task(self, what: str, total: int | None = None) -> Generator[Bar]:
        left = self._number

        def done(more: int) -> None:
            nonlocal left
            left -= more
            if left <= 0:
                raise KeyboardInterrupt

        with super().task(what, total) as bar:
            done.note = bar.note
            yield done


def solutions_file(
    path: Path, mining: range, more: Sequence[Problem] = (), wrong: Sequence[int] = ()
) -> Path:
    """Solutions of the first mining problems, and of others."""
    problems = generate(Split.MINING, mining.stop, levels=[2])[mining.start :]
    rows = [
        {
            "question": one.question,
            "solution": right_solution(one).text if number not in wrong else "Step 1: 1 + 1 = 3.\nAnswer: 3",
        }
        for number, one in enumerate([*problems, *more])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def contents(folder: RunFolder) -> dict[str, bytes]:
    """What the stage made and changed."""
    made = [*folder.path.glob("full_precision/**/*"), folder.problems_path, folder.facts_path(FORMAT_TUNING)]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in made if path.is_file()}
