"""Solved problems in every prompt: where they come from, and that none is held out."""

import json
from pathlib import Path

import pytest
from firstfault.annotate.prompts import Example
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.records import Finish, Problem, Solution, Split
from firstfault.loop.config import RunConfig, read_config, write_config
from firstfault.loop.few_shot import choose_solved, read_examples, refuse_held_out, set_aside
from firstfault.loop.folder import EXAMPLES, FULL_PRECISION, RunFolder
from firstfault.loop.models import Models
from firstfault.loop.progress import Reporter
from firstfault.loop.stages import choose_few_shot, make_problems

pytest.importorskip("transformers", reason="needs the extra `local`")


def config_of(**prompt: object) -> RunConfig:
    fields = {"mining": 40, "held_out": 5, "levels": [2]}
    return RunConfig.model_validate(
        {"problems": {"abacus": fields}, "prompt": prompt, "variants": [{"method": "rtn"}], "threads": 1}
    )


def chosen(config: RunConfig, folder: RunFolder) -> Models:
    make_problems(config, folder)
    choose_few_shot(Models(config, folder), folder, Reporter())
    return Models(config, folder)


def solved(number: int, **changes: object) -> Solution:
    fields = {"problem_id": f"p{number}", "model": "m", "text": "t", "correct": True, "well_formed": True}
    return Solution.model_validate(fields | changes)


def test_full_precision_solves_mining_problems_for_the_prompt_and_they_are_mined_no_more(tmp_path: Path):
    config, folder = config_of(few_shot={"count": 2}), RunFolder(tmp_path / "run")
    models = chosen(config, folder)
    first, second = models.prompt.examples
    assert first.solution.startswith("Step 1:")
    assert "\nAnswer: " in second.solution
    prompt = models.renderer()("How many?", "Step 1:")
    assert prompt.index(first.solution) < prompt.index(second.solution) < prompt.index("How many?")
    shown = {first.question, second.question}
    assert not shown & {one.question for one in folder.problems(Split.MINING)}
    assert shown <= {one.question for one in folder.problems(Split.TRAIN)}
    assert len(folder.problems(Split.HELD_OUT)) == 5
    assert len(folder.solutions(FULL_PRECISION, EXAMPLES)) == 16
    # Stopped after the problems were written and before the examples were: the same ones are chosen.
    folder.facts_path("examples").unlink()
    before = folder.problems(Split.MINING)
    assert chosen(config, folder).prompt == models.prompt
    assert folder.problems(Split.MINING) == before


def test_examples_may_come_from_a_file(tmp_path: Path):
    rows = [{"question": f"{n} + 1?", "solution": f"Step 1: {n + 1}\nAnswer: {n + 1}"} for n in range(3)]
    (tmp_path / "shots.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "run.yaml"
    path.write_text("variants: [{method: rtn}]\nprompt: {few_shot: {file: shots.jsonl, count: 2}}\n")
    config = read_config(path)
    assert config.prompt.given() == tuple(Example.model_validate(row) for row in rows[:2])
    path.write_text(write_config(config))
    assert read_config(path) == config


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"question": "q"}\n', "shots.jsonl:1: no solution"),
        ('{"question": "q", "solution": "s"}\n', "1 examples, not 2"),
        ("{\n", "shots.jsonl:1: not JSON"),
    ],
)
def test_a_file_without_enough_examples_is_refused(tmp_path: Path, lines: str, said: str):
    path = tmp_path / "shots.jsonl"
    path.write_text(lines)
    with pytest.raises(InputError) as error:
        read_examples(path, 2)
    assert said in str(error.value)


def test_a_held_out_problem_is_never_shown_solved(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    make_problems(config_of(), folder)
    leaked = folder.problems(Split.HELD_OUT)[0].question.upper()
    other = RunFolder(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"example 2 is a held-out problem \(exact overlap\)"):
        make_problems(
            config_of(
                examples=[{"question": "1 + 1?", "solution": "2"}, {"question": leaked, "solution": "s"}]
            ),
            other,
        )
    assert not other.problems_path.exists()
    refuse_held_out((Example(question="1 + 1?", solution="2"),), folder.problems(Split.HELD_OUT))


def test_only_right_solutions_in_the_asked_format_become_examples():
    candidates = [Problem(id=f"p{n}", question=f"q{n}", answer="1") for n in range(5)]
    solutions = [
        solved(0, correct=False),
        solved(1, well_formed=False),
        solved(2),
        solved(3, finish=Finish.LENGTH),
        solved(4),
    ]
    assert [one.question for one in choose_solved(candidates, solutions, 2)] == ["q2", "q4"]
    with pytest.raises(ConfigError, match="solves 2 in the asked format, not 3"):
        choose_solved(candidates, solutions, 3)


def test_mining_problems_that_are_shown_leave_mining_and_held_out_ones_stay():
    problems = [
        Problem(question="Two apples?", answer="2", split=Split.MINING),
        Problem(question="Seven pears?", answer="7", split=Split.MINING),
        Problem(question="Nine plums?", answer="9"),
    ]
    after = set_aside(problems, [Example(question="two apples", solution="2")])
    assert [one.split for one in after] == [Split.TRAIN, Split.MINING, Split.HELD_OUT]
