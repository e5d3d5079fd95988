"""Problems of a run from named sets and tables."""

import json
from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.records import Split
from firstfault.loop.config import RunConfig, read_config, write_config
from firstfault.loop.folder import RunFolder
from firstfault.loop.stages import make_problems

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real problems at {DATA}")
VARIANTS = "variants:\n  - {method: rtn}\n"


def config_of(folder: Path, problems: str) -> RunConfig:
    path = folder / "run.yaml"
    path.write_text(VARIANTS + problems)
    return read_config(path)


def table(path: Path, *rows: dict[str, object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_splits_never_mix_and_what_was_left_out_is_written_down(tmp_path):
    table(tmp_path / "a.jsonl", {"q": "Two apples?", "a": "2"}, {"q": "Seven pears?", "a": "7"}, {"q": "x"})
    table(tmp_path / "b.jsonl", {"q": "two APPLES", "a": "2", "s": "fruit", "l": "Level 4"})
    config = config_of(
        tmp_path,
        "problems:\n  sets:\n"
        "    mining: {file: a.jsonl, columns: {question: q, answer: a}, licence: mit}\n"
        "    held_out:\n"
        "      - {file: b.jsonl, columns: {question: q, answer: a, subject: s, level: l}, name: exam}\n",
    )
    folder = RunFolder(tmp_path / "run")
    make_problems(config, folder)
    (mined,), (held_out,) = folder.problems(Split.MINING), folder.problems(Split.HELD_OUT)
    assert (mined.question, mined.source, mined.licence) == ("Seven pears?", "a", "mit")
    assert (held_out.source, held_out.subject, held_out.level) == ("exam", "fruit", 4)
    assert folder.facts("overlap") == {"exact": 1, "ngram": 0, "reworded": 0}
    (origin,) = folder.facts("problems")["mining"]
    assert (origin["rows"], origin["problems"], origin["bad"]) == (3, 2, ["a.jsonl:3: a: empty"])
    assert config.problems.title == "exam"


def test_the_same_set_may_give_both_splits(tmp_path):
    table(
        tmp_path / "a.jsonl", *({"question": f"Add {n} to {n * n}.", "answer": str(n)} for n in range(3, 43))
    )
    config = config_of(
        tmp_path, "problems: {sets: {mining: a.jsonl, held_out: {file: a.jsonl, count: 10}}}\n"
    )
    folder = RunFolder(tmp_path / "run")
    make_problems(config, folder)
    mining, held_out = folder.problems(Split.MINING), folder.problems(Split.HELD_OUT)
    assert (len(mining), len(held_out)) == (30, 10)
    assert not {one.question for one in mining} & {one.question for one in held_out}
    assert len({one.id for one in (*mining, *held_out)}) == 40


def test_a_run_whose_splits_are_the_same_is_refused_before_anything_is_written(tmp_path):
    table(tmp_path / "a.jsonl", {"question": "q", "answer": "1"})
    config = config_of(tmp_path, "problems: {sets: {mining: a.jsonl, held_out: a.jsonl}}\n")
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(InputError, match="no problem is left"):
        make_problems(config, folder)
    assert not folder.problems_path.exists()


def test_a_resolved_configuration_of_sets_reads_back_as_itself(tmp_path):
    mining = "[gsm8k:train, 'me/own:dev']"
    held_out = "{preset: math, subset: algebra}"
    config = config_of(tmp_path, f"problems: {{sets: {{mining: {mining}, held_out: {held_out}}}}}\n")
    assert read_config(Path(_written(tmp_path / "resolved.yaml", write_config(config)))) == config


@pytest.mark.parametrize(
    ("problems", "said"),
    [
        (
            "problems: {sets: {mining: gsm9k, held_out: gsm8k}}\n",
            "problems.sets.mining.0: 'gsm9k' is no known",
        ),
        ("problems: {sets: {mining: [], held_out: gsm8k}}\n", "problems.sets.mining"),
        ("problems: {sets: {mining: gsm8k}}\n", "problems.sets.held_out: missing"),
        (
            "problems: {sets: {mining: {preset: gsm8k, splt: x}, held_out: gsm8k}}\n",
            "problems.sets.mining.0.splt",
        ),
        ("problems: {abacus: {}, sets: {mining: gsm8k, held_out: gsm8k}}\n", "abacus or files or sets"),
    ],
)
def test_a_wrong_set_names_the_field(tmp_path, problems, said):
    with pytest.raises(ConfigError) as error:
        config_of(tmp_path, problems)
    assert said in str(error.value)


@real
def test_gsm8k_and_math_500_stand_side_by_side(tmp_path):
    config = config_of(
        tmp_path,
        "problems:\n  sets:\n"
        f"    mining: {{preset: gsm8k, file: '{DATA}/gsm8k/train.jsonl', count: 300}}\n"
        "    held_out:\n"
        f"      - {{preset: gsm8k, file: '{DATA}/gsm8k/test.jsonl', count: 100}}\n"
        f"      - {{preset: math-500, file: '{DATA}/math500/test.jsonl', count: 100}}\n",
    )
    folder = RunFolder(tmp_path / "run")
    make_problems(config, folder)
    held_out = folder.problems(Split.HELD_OUT)
    assert {one.source for one in held_out} == {"gsm8k", "math-500"}
    assert {one.licence for one in held_out} == {"mit"}
    assert {one.level for one in held_out if one.source == "math-500"} == {1, 2, 3, 4, 5}
    assert config.problems.title == "gsm8k and math-500"


def _written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)
