"""Where a problem set comes from: a known set, a dataset on the Hub or a file, with a column mapping.

A row that can't be used is told of and left out; a column that is missing stops everything. What was read,
at which revision and under which licence, is told beside the problems.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from .columns import Columns
from .config import Config
from .errors import InputError
from .hub import is_repo_id
from .hub_rows import hub_rows
from .presets import PRESETS, Preset
from .records import Problem, Record, Split, content_id
from .rows import read_problem
from .store import file_sha256
from .tables import ENDINGS, Entry, read_table


class ProblemSource(Config):
    """A problem set: `preset`, `hub` or `file`; in short `gsm8k:train`, `owner/name:split` or `file.csv`."""

    preset: str | None = None
    """A known set: `gsm8k`, `math`, `math-500`, `aime`, `aime-2024` or `aime-2025`. With `file`, that file is
    read by its columns; else it comes from the Hub."""
    hub: str | None = None
    """Dataset on the Hub, `owner/name`."""
    file: Path | None = None
    """Table of problems: .jsonl, .json, .csv or .parquet."""
    subset: tuple[str, ...] = ()
    """Configurations of the Hub's dataset, one or a list; the only one, or the known set's, when left out."""
    split: str | None = None
    """The Hub's split, such as `train`; `test`, or the known set's, when left out."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; the newest when left out. The commit is recorded either way."""
    columns: Columns | None = None
    """What the columns hold; the known set's when left out, else by names as in records, GSM8K or MATH."""
    name: str | None = None
    """Name in records and reports; the known set's, the repository's or the file's when left out."""
    licence: str | None = None
    """Under which the problems are, where neither set nor card says."""
    count: int | None = Field(default=None, ge=1)
    """Only so many of them, drawn by `seed`; all when left out."""
    seed: int = 0
    """Of that draw."""

    @model_validator(mode="before")
    @classmethod
    def _read_short(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        name, _, split = given.partition(":")
        part = {"split": split} if split else {}
        if name in PRESETS:
            return {"preset": name, **part}
        if given.endswith(ENDINGS):
            return {"file": given}
        if is_repo_id(name):
            return {"hub": name, **part}
        known = ", ".join(PRESETS)
        raise ValueError(f"{given!r} is no known set ({known}), no owner/name and no {', '.join(ENDINGS)}")

    @field_validator("subset", mode="before")
    @classmethod
    def _read_one(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"unknown preset {self.preset!r}; known are {', '.join(PRESETS)}")
        if self.hub is not None and not is_repo_id(self.hub):
            raise ValueError(f"hub: {self.hub!r} is not owner/name")
        places = (self.hub, self.file, self.preset if self.file is None else None)
        if sum(place is not None for place in places) != 1:
            raise ValueError("give one of preset, hub and file (a preset may go with a file)")
        if self.file is not None and (self.subset or self.split or self.revision):
            raise ValueError("subset, split and revision are the Hub's; a file has none")
        return self

    @property
    def known(self) -> Preset | None:
        """The known set that it is."""
        return PRESETS[self.preset] if self.preset else None

    @property
    def title(self) -> str:
        """Name in records and reports."""
        if self.name or self.preset:
            return self.name or self.preset or ""
        return self.hub.split("/")[-1] if self.hub else (self.file or Path("user")).stem

    def with_paths_from(self, folder: Path) -> Self:
        """Make the path absolute, taking a relative one as relative to `folder`."""
        return self if self.file is None else self.model_copy(update={"file": (folder / self.file).resolve()})


class ReadSet(Record):
    """What was read of a problem set."""

    name: str
    place: str
    """Repository on the Hub, or name of the file."""
    split: str | None = None
    """The Hub's."""
    revision: str | None = None
    """The Hub's commit."""
    sha256: str | None = None
    """Of the file."""
    licence: str | None = None
    rows: int = Field(ge=0)
    """Read, those left out included."""
    problems: int = Field(ge=0)
    """Used: different ones, and drawn if only so many were wanted."""
    bad: tuple[str, ...] = ()
    """Rows that were left out: file, line and why."""


class LoadedSet(NamedTuple):
    """A problem set and where it comes from."""

    problems: list[Problem]
    origin: ReadSet


def load_source(source: ProblemSource, split: Split | None = None) -> LoadedSet:
    """Read a problem set.

    Args:
        source: Which.
        split: What the problems may be used for.

    Raises:
        InputError: If the file is missing, a column is, or no row can be used.
        HubError: If the Hub's dataset can't be read.
    """
    entries, there, facts = _open(source)
    known = source.known
    columns = source.columns or (known.columns if known else None)
    if columns is not None and there is not None:
        columns.check(there, facts["place"])
    given = {"source": source.title, "split": split, "licence": source.licence or facts["licence"]}
    found: dict[str, Problem] = {}
    bad: list[str] = []
    seen: dict[str, None] = {}
    rows = 0
    for where, row in entries:
        rows += 1
        try:
            if isinstance(row, InputError):
                raise row
            seen.update(dict.fromkeys(row))
            if columns is not None:
                problem = columns.read(row, where, **given)
            else:
                problem = _with(read_problem(row, where, source.title, split), given["licence"])
            if found.setdefault(problem.id, problem) != problem:
                raise InputError(
                    f"{where}: id: {problem.id} is also the id of an earlier, different problem",
                    hint="Give every problem an id of its own, or none.",
                )
        except InputError as error:
            bad.append(str(error).replace(str(source.file), facts["place"]))
    if columns is not None and there is None and seen:
        columns.check(seen, facts["place"])
    if not found:
        why = f": {bad[0]}" if bad else ""
        raise InputError(
            f"{facts['place']}: no problem that can be used{why}", hint="Mend it, or map other columns."
        )
    problems = list(found.values())
    if source.count is not None and source.count < len(problems):
        drawn = set(Random(source.seed).sample(range(len(problems)), source.count))
        problems = [problem for number, problem in enumerate(problems) if number in drawn]
    facts["licence"] = given["licence"]
    return LoadedSet(
        problems, ReadSet(name=source.title, rows=rows, problems=len(problems), bad=tuple(bad), **facts)
    )


def load_sources(sources: tuple[ProblemSource, ...], split: Split, taken: set[str]) -> list[LoadedSet]:
    """Read several sets as one split.

    An id that stands for another problem in a set before gives way to one that derives from the content.

    Args:
        sources: Which, in order.
        split: What their problems may be used for.
        taken: Ids that are in use; those of these sets are added.
    """
    loaded: list[LoadedSet] = []
    for source in sources:
        problems, origin = load_source(source, split)
        distinct: dict[str, Problem] = {}
        for problem in problems:
            if problem.id in taken:
                own = content_id("p", problem.question, problem.answer)
                # The same question in both splits is told apart by what it may be used for.
                own = own if own not in taken else content_id("p", problem.question, problem.answer, split)
                problem = problem.model_copy(update={"id": own})
            distinct.setdefault(problem.id, problem)
        taken.update(distinct)
        loaded.append(LoadedSet(list(distinct.values()), origin))
    return loaded


def _open(source: ProblemSource) -> tuple[Iterator[Entry], tuple[str, ...] | None, dict[str, Any]]:
    """Return rows, columns where they are known beforehand, and the facts of the origin."""
    known = source.known
    if source.file is not None:
        rows = read_table(source.file)
        if not source.file.is_file():
            next(rows)
        facts = {"place": source.file.name, "sha256": file_sha256(source.file)}
        return rows, None, {**facts, "licence": known.licence if known else None}
    repo = source.hub or (known.hub if known else "")
    subsets = source.subset or (known.subsets if known else ())
    split = source.split or (known.split if known else "test")
    read = hub_rows(repo, subsets, split, source.revision)
    facts = {"place": repo, "split": split, "revision": read.revision}
    licence = (known.licence if known else None) or read.licence
    return read.rows, read.columns, {**facts, "licence": licence}


def _with(problem: Problem, licence: str | None) -> Problem:
    return problem if problem.licence or not licence else problem.model_copy(update={"licence": licence})
