import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from firstfault.datasets.errors import ConfigError, InputError
from firstfault.datasets.presets import PRESETS
from firstfault.datasets.problem_sets import load_problems, problems_path
from firstfault.datasets.problem_source import ProblemSource, load_source, load_sources
from firstfault.datasets.records import Split
from pydantic import ValidationError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real problems at {DATA}")

COLUMNS = {"question": "Aufgabe", "answer": "Lösung", "level": "Stufe", "subject": "Fach"}
ROWS = [
    {"Aufgabe": "1 + 1?", "Lösung": "2", "Stufe": "Level 3", "Fach": "sums"},
    {"Aufgabe": "2 + 2?", "Lösung": "4", "Stufe": "hard", "Fach": ""},
]


def written(path: Path, rows=ROWS) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps({"version": 1, "rows": rows}))
    elif path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)]
        path.write_text("\ufeff" + "\n".join(lines) + "\n")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_any_table_is_read_by_a_column_mapping(tmp_path, ending):
    source = ProblemSource(
        file=written(tmp_path / f"t.{ending}"), columns=COLUMNS, licence="mit", name="mine"
    )
    problems, origin = load_source(source, Split.MINING)
    assert [(p.question, p.answer, p.level, p.subject) for p in problems] == [
        ("1 + 1?", "2", 3, "sums"),
        ("2 + 2?", "4", None, None),
    ]
    assert {(p.source, p.licence, p.split) for p in problems} == {("mine", "mit", Split.MINING)}
    assert (origin.place, origin.rows, origin.problems, origin.bad) == (f"t.{ending}", 2, 2, ())
    assert len(origin.sha256) == 64


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_a_missing_column_is_one_line_that_names_those_there_are(tmp_path, ending):
    source = ProblemSource(file=written(tmp_path / f"t.{ending}"), columns=COLUMNS | {"level": "Grad"})
    with pytest.raises(InputError) as error:
        load_source(source)
    assert str(error.value) == (
        f"t.{ending}: no column 'Grad' for level; there are 'Aufgabe', 'Lösung', 'Stufe', 'Fach'"
    )


def test_bad_lines_are_told_with_their_number_and_the_rest_is_kept(tmp_path):
    path = tmp_path / "t.jsonl"
    good = '{"q": "%s?", "a": "so\\n#### %s"}\n'
    lines = [good % (1, 1), "{broken\n", "\n", '{"q": "", "a": "#### 1"}\n', '{"q": "x", "a": "no mark"}\n']
    path.write_text("".join([*lines, '{"q": ["x"], "a": "#### 1"}\n', "[1]\n", good % (2, 2)]))
    source = ProblemSource(file=path, columns={"question": "q", "answer": "a", "form": "marked"})
    problems, origin = load_source(source)
    assert [p.answer for p in problems] == ["1", "2"]
    assert [one.split(":")[1] for one in origin.bad] == ["2", "4", "5", "6", "7"]
    assert "a: has no line `#### answer`" in origin.bad[2]
    assert origin.rows == 7
    assert not any(str(tmp_path) in one for one in origin.bad)


def test_csv_cells_may_hold_commas_and_lines_and_a_short_line_is_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('q,a\n"one,\ntwo?",3\nonly one\nx,4\n')
    source = ProblemSource(file=path, columns={"question": "q", "answer": "a"})
    problems, origin = load_source(source)
    assert [p.question for p in problems] == ["one,\ntwo?", "x"]
    assert origin.bad == ("t.csv:4: 1 cells under 2 columns",)


def test_a_file_without_a_usable_row_is_refused_with_the_first_reason(tmp_path):
    path = written(tmp_path / "t.jsonl", [{"q": "x", "a": "1001"}])
    with pytest.raises(InputError, match=r"no problem that can be used: t\.jsonl:1: a: is no integer from 0"):
        load_source(ProblemSource(file=path, columns={"question": "q", "answer": "a", "form": "aime"}))


def test_an_id_used_twice_for_different_problems_loses_the_second(tmp_path):
    rows = [{"id": "a", "question": q, "answer": "1"} for q in "xy"]
    problems, origin = load_source(ProblemSource(file=written(tmp_path / "t.json", rows)))
    assert [p.question for p in problems] == ["x"]
    assert "also the id of an earlier" in origin.bad[0]


def test_ids_of_different_sets_do_not_meet(tmp_path):
    for name in ("a", "b"):
        rows = [{"id": "1", "question": f"{name}?", "answer": "1"}, {"question": "both?", "answer": "2"}]
        written(tmp_path / f"{name}.json", rows)
    first, second = (ProblemSource(file=tmp_path / f"{name}.json") for name in ("a", "b"))
    taken: set[str] = set()
    loaded = load_sources((first,), Split.HELD_OUT, taken) + load_sources((second,), Split.MINING, taken)
    ids = [problem.id for one in loaded for problem in one.problems]
    assert ids[0] == "1"
    assert len(set(ids)) == len(ids) == 4


def test_a_draw_is_seeded_and_keeps_the_order(tmp_path):
    rows = [{"question": str(n), "answer": str(n)} for n in range(50)]
    path = written(tmp_path / "t.json", rows)

    def drawn(seed):
        return [int(p.answer) for p in load_source(ProblemSource(file=path, count=10, seed=seed)).problems]

    assert drawn(0) == drawn(0) == sorted(drawn(0))
    assert len(drawn(0)) == 10
    assert drawn(0) != drawn(1)


@pytest.mark.parametrize(
    ("short", "fields"),
    [
        ("gsm8k:train", {"preset": "gsm8k", "split": "train"}),
        ("math-500", {"preset": "math-500"}),
        ("me/mine:test", {"hub": "me/mine", "split": "test"}),
        ("some/where.csv", {"file": "some/where.csv"}),
    ],
)
def test_a_source_may_be_named_in_short(short, fields):
    assert ProblemSource.model_validate(short) == ProblemSource.model_validate(fields)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("gsm9k", "'gsm9k' is no known set (gsm8k, math,"),
        ({"preset": "gsm9k"}, "known are gsm8k"),
        ({}, "one of preset, hub and file"),
        ({"hub": "a/b", "file": "c.csv"}, "one of preset, hub and file"),
        ({"hub": "../etc/passwd"}, "not owner/name"),
        ({"file": "c.csv", "split": "test"}, "a file has none"),
        ({"preset": "gsm8k", "count": 0}, "count"),
        ({"hub": "a/b", "columns": {"question": "q"}}, "columns.answer"),
    ],
)
def test_an_impossible_source_is_refused(given, said):
    with pytest.raises(ValidationError) as error:
        ProblemSource.model_validate(given)
    assert said in str(error.value)


def test_a_yaml_file_names_a_set_wherever_a_path_does(tmp_path):
    written(tmp_path / "t.csv")
    path = tmp_path / "set.yaml"
    path.write_text("file: t.csv\ncolumns: {question: Aufgabe, answer: Lösung}\n")
    assert [p.answer for p in load_problems(path)] == ["2", "4"]
    path.write_text("file: t.csv\ncolumns: {question: Aufgabe}\n")
    with pytest.raises(ConfigError, match=r"set\.yaml: columns: answer: Field required"):
        load_problems(path)
    path.write_text("file: [\n")
    with pytest.raises(ConfigError, match="not YAML"):
        load_problems(path)


def test_what_was_left_out_is_said(tmp_path):
    rows = [{"question": "q", "answer": "1"}, *[{"question": "x"}] * 5]
    said: list[str] = []
    assert len(load_problems(written(tmp_path / "t.json", rows), say=said.append)) == 1
    assert said[0].startswith("5 rows left out: t.json:2: no reference answer; ")
    assert said[0].endswith("; and 2 more")


def test_the_name_of_a_known_set_is_no_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert problems_path(Path("gsm8k:train"), tmp_path / "x") == Path("gsm8k:train")
    assert problems_path(Path("own.jsonl"), tmp_path) == tmp_path / "own.jsonl"


@real
@pytest.mark.parametrize(
    ("preset", "file", "count", "level"),
    [("gsm8k", "gsm8k/test.jsonl", 1319, None), ("math-500", "math500/test.jsonl", 500, 5)],
)
def test_real_files_are_read_by_the_known_sets_columns(preset, file, count, level):
    problems, origin = load_source(ProblemSource(preset=preset, file=DATA / file))
    assert (len(problems), origin.bad, origin.licence) == (count, (), "mit")
    assert {p.source for p in problems} == {preset}
    assert max((p.level or 0 for p in problems), default=0) == (level or 0)
    # As without a mapping, but for the name of the set.
    plain = load_problems(DATA / file)
    assert [(p.id, p.question, p.answer, p.level, p.subject) for p in problems] == [
        (p.id, p.question, p.answer, p.level, p.subject) for p in plain
    ]


@real
def test_the_full_math_set_is_read_from_its_boxes():
    rows = [json.loads(line) for line in (DATA / "math500" / "test.jsonl").read_text().splitlines()]
    math = PRESETS["math"].columns
    for row in rows:
        as_there = {"problem": row["problem"], "solution": row["solution"], "type": row["subject"]}
        problem = math.read({**as_there, "level": f"Level {row['level']}"}, "x")
        assert (problem.answer, problem.level, problem.subject) == (
            row["answer"],
            row["level"],
            row["subject"],
        )


CARD = b"""---
license: mit
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train.jsonl}
  - {split: test, path: main/test.jsonl}
- config_name: socratic
  data_files:
  - {split: test, path: socratic/test.jsonl}
---
"""
FETCH = textwrap.dedent(
    """
    import json, sys
    from firstfault.datasets.errors import FirstFaultError
    from firstfault.datasets.problem_source import ProblemSource, load_source
    for given in json.loads(sys.argv[1]):
        try:
            problems, origin = load_source(ProblemSource.model_validate(given))
            print(json.dumps([[p.answer for p in problems], origin.model_dump()]))
        except FirstFaultError as error:
            print(json.dumps([str(error), error.hint]))
    """
)


def test_a_set_is_fetched_from_the_hub_at_a_commit_that_is_recorded(hub, tmp_path):
    def rows(*numbers):
        return "".join(json.dumps({"question": f"{n}?", "answer": f"#### {n}"}) + "\n" for n in numbers)

    files = {"main/train.jsonl": rows(1, 2), "main/test.jsonl": rows(3), "socratic/test.jsonl": rows(3, 4)}
    encoded = {path: text.encode() for path, text in files.items()}
    repo = hub.add("openai/gsm8k", {"README.md": CARD, **encoded}, private=False)
    asked = [
        "gsm8k:train",
        {"preset": "gsm8k", "subset": ["main", "socratic"], "revision": repo.head},
        {"preset": "gsm8k", "split": "dev"},
        {"hub": "openai/gsm8k", "subset": "other"},
        {"hub": "openai/gsm8k", "subset": "main", "columns": {"question": "problem", "answer": "answer"}},
        "openai/none",
    ]
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, json.dumps(asked)],
        env={**environment, "HF_HUB_DISABLE_XET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    train, both, split, subset, columns, missing = map(json.loads, done.stdout.splitlines())
    assert train[0] == ["1", "2"]
    assert train[1] | {"bad": None} == {
        "name": "gsm8k",
        "place": "openai/gsm8k",
        "split": "train",
        "revision": repo.head,
        "sha256": None,
        "licence": "mit",
        "rows": 2,
        "problems": 2,
        "bad": None,
    }
    assert (both[0], both[1]["rows"]) == (["3", "4"], 3)
    assert "dev" in split[0]
    assert "\n" not in split[0]
    assert "other" in subset[0]
    assert columns[0] == "openai/gsm8k: no column 'problem' for question; there are 'question', 'answer'"
    assert missing[0] == "openai/none: no such dataset, or none that you may see"
