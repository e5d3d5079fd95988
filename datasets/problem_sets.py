"""Problem sets by name or from files: our own, GSM8K's, MATH's and plain tables of questions and answers.

Wherever a command or a configuration asks for problems, it takes what `load_problems` does.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from .errors import ConfigError, InputError
from .presets import PRESETS
from .problem_source import ProblemSource, load_source
from .records import Problem, Split
from .rows import read_problem
from .store import read_rows

_DESCRIBED = (".json", ".csv", ".yaml", ".yml")
_MOST_TOLD = 3


def load_problems(
    path: Path,
    *,
    source: str | None = None,
    split: Split | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Problem]:
    """Read a problem set.

    `path` is a `.jsonl` or `.parquet` file of rows as below, in which every row must be right; or one of
    these, of which rows that can't be used are told and left out:

    - the name of a known set, with a split of the Hub if wanted: `gsm8k`, `math:train`;
    - a `.csv` or `.json` table;
    - a `.yaml` file that describes a `ProblemSource`: a dataset on the Hub, a column mapping.

    Recognized row by row: our own records; GSM8K's (`question`, and `answer` that ends in
    `#### n`); MATH's (`problem`, `solution`, `answer`, `subject`, `level`, `unique_id`); and any
    table with a question (`question`, `problem`, `prompt`, `instruction`) and an answer (`answer`,
    `final_answer`, `reference`, `gold`, `ground_truth`, `target`; else the last box of `solution`).

    Ids given as `id`, `problem_id` or `unique_id` are kept, so that generations can name them;
    else they derive from question and answer. A row that repeats an earlier one is dropped.

    Args:
        path: The file, or the name of a known set.
        source: Name of the set, where the rows don't name it.
        split: What the problems may be used for, where the rows don't say.
        say: Told which rows were left out.

    Raises:
        ConfigError: If a `.yaml` file describes no problem set.
        HubError: If a set can't be fetched from the Hub.
        InputError: Naming file and line: no question, no answer, an id with two different problems.
            Naming the file: no problem at all.
    """
    described = _described(path)
    if described is not None:
        loaded = load_source(described, split)
        if say is not None and loaded.origin.bad:
            say(_left_out(loaded.origin.bad))
        return loaded.problems
    problems: dict[str, Problem] = {}
    for where, row in read_rows(path):
        problem = read_problem(row, where, source, split)
        if problems.setdefault(problem.id, problem) != problem:
            raise InputError(
                f"{where}: id: {problem.id} is also the id of an earlier, different problem",
                hint="Give every problem an id of its own, or none.",
            )
    if not problems:
        raise InputError(
            f"{path}: no problems", hint="Each line holds one problem: a question and its answer."
        )
    return list(problems.values())


def load_benchmarks(paths: Iterable[Path]) -> dict[str, list[Problem]]:
    """Read test sets that training must stay clear of, by name.

    Args:
        paths: Files of problems, names of known sets, or folders, of which every .jsonl and
            .parquet file is one.

    Returns:
        Problems by `folder/file`, the ending left out, or by the known set's name.

    Raises:
        InputError: If a path is missing, holds no problems, or can't be read.
    """
    found: dict[str, list[Problem]] = {}
    for path in paths:
        if is_preset(path):
            found[str(path)] = load_problems(path)
            continue
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in (".jsonl", ".parquet"))
            if not files:
                raise InputError(f"{path}: no problems", hint="Put .jsonl or .parquet files of them there.")
        for file in files:
            found[f"{file.parent.name}/{file.stem}"] = load_problems(file)
    return found


def is_preset(path: Path) -> bool:
    """Whether a path is really the name of a known set, such as `gsm8k:train`. A file of that name wins."""
    return str(path).partition(":")[0] in PRESETS and not path.exists()


def problems_path(path: Path, folder: Path) -> Path:
    """Make a path absolute, taking a relative one as relative to `folder`; the name of a known set stays."""
    there = (folder / path).resolve()
    return path if is_preset(path) and not there.exists() else there


def _described(path: Path) -> ProblemSource | None:
    """The source that a name or file describes; `None` for a file of plain rows."""
    import yaml

    if is_preset(path):
        return ProblemSource.model_validate(str(path))
    if path.suffix not in _DESCRIBED or not path.is_file():
        return None
    if path.suffix not in (".yaml", ".yml"):
        return ProblemSource(file=path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ProblemSource.model_validate(content).with_paths_from(path.parent)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not YAML: {line}", hint="Mend that line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {place}{said}", hint="See docs/problem-sets.md.") from None


def _left_out(bad: Sequence[str]) -> str:
    more = f"; and {len(bad) - _MOST_TOLD} more" if len(bad) > _MOST_TOLD else ""
    return f"{len(bad)} row{'s' if len(bad) > 1 else ''} left out: {'; '.join(bad[:_MOST_TOLD])}{more}"
