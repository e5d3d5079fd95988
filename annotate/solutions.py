"""From raw text to graded solutions, be it generated here or given by the user."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..datasets.errors import InputError
from ..datasets.records import Finish, Problem, Solution
from ..datasets.store import read_rows
from .answers import extract_answer
from .grading import Grader
from .numerals import read_number
from .repetition import ends_in_a_loop
from .steps import AnswerForm, is_well_formed, split_steps

_TEXT_COLUMNS = ("text", "solution", "response", "completion", "output", "generation")
_ID_COLUMNS = ("problem_id", "id", "unique_id")
_QUESTION_COLUMNS = ("problem", "question", "prompt")
_FINISH_COLUMNS = ("finish", "finish_reason")
_FINISHES = {finish.value: finish for finish in Finish} | {
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "max_tokens": Finish.LENGTH,
}


def read_solution(
    problem: Problem,
    model: str,
    text: str,
    finish: Finish,
    tokens: int | None,
    grader: Grader,
    form: AnswerForm = "line",
) -> Solution:
    """Split and grade one generation.

    Args:
        problem: What it answers.
        model: Name of the model or variant that wrote it.
        text: Everything it wrote, untouched.
        finish: Why it ended. Where the model did not stop by itself, only a stated answer counts,
            never the last number that happens to stand in the text.
        tokens: Generated tokens, end token included; `None` when unknown.
        grader: Decides whether the answer is right.
        form: Form in which the answer was asked for.
    """
    thinking, steps = split_steps(text)
    numeric = read_number(problem.answer) is not None
    answer = extract_answer(text, last_number=numeric and finish is Finish.STOP)
    return Solution(
        problem_id=problem.id,
        model=model,
        text=text,
        thinking=thinking,
        steps=steps,
        answer=answer,
        correct=grader.grade(answer, problem.answer).correct,
        finish=finish,
        tokens=tokens,
        well_formed=is_well_formed(text, form),
    )


def read_generations(
    path: Path,
    problems: Iterable[Problem],
    model: str,
    grader: Grader,
    form: AnswerForm = "line",
    *,
    others: bool = False,
) -> list[Solution]:
    """Read a user's own generations (`.jsonl` or `.parquet`), split and grade them.

    A row names its problem by `problem_id`, `id` or `unique_id`, or by the question itself
    (`problem`, `question` or `prompt`, white space aside), and holds the text as `text`,
    `solution`, `response`, `completion`, `output` or `generation`. `tokens` and `finish` (or
    `finish_reason`: stop, length, degenerate) are read where they are given; where no reason is
    given, a text that runs into a loop is taken as degenerate.

    Args:
        path: The file.
        problems: The problems that it may be about.
        model: Name under which the solutions stand.
        grader: Decides which are right.
        form: Form in which answers were asked for.
        others: Whether the file may hold solutions of other problems too; they are passed over.

    Raises:
        InputError: Naming file and line: no text, an unknown problem, two solutions of one problem.
            Naming the file: no solution at all.
    """
    known = list(problems)
    by_id = {problem.id: problem for problem in known}
    by_question = {_normal(problem.question): problem for problem in known}
    seen: dict[str, str] = {}
    solutions: list[Solution] = []
    for where, row in read_rows(path):
        problem = _problem_of(row, by_id, by_question, where, others)
        if problem is None:
            continue
        if problem.id in seen:
            raise InputError(
                f"{where}: problem {problem.id} already has a solution at {seen[problem.id]}",
                hint="Keep one solution per problem and model.",
            )
        seen[problem.id] = where
        text = _text_of(row, where)
        finish = _finish_of(row, text, where)
        solutions.append(read_solution(problem, model, text, finish, _tokens_of(row, where), grader, form))
    if not solutions:
        raise InputError(f"{path}: no solutions", hint="Each line holds one solution.")
    return solutions


def _problem_of(
    row: dict[str, Any], by_id: dict[str, Problem], by_question: dict[str, Problem], where: str, others: bool
) -> Problem | None:
    # An `id` may be the generation's own, so that it is no mistake while another column fits.
    named = [
        (column, row[column]) for column in (*_ID_COLUMNS, *_QUESTION_COLUMNS) if row.get(column) is not None
    ]
    for column, value in named:
        if column in _QUESTION_COLUMNS:
            found = by_question.get(_normal(value)) if isinstance(value, str) else None
        else:
            found = by_id.get(str(value))
        if found is not None:
            return found
        if column == "problem_id":
            break
    if not named:
        raise InputError(
            f"{where}: names no problem",
            hint=f"Give one of: {', '.join((*_ID_COLUMNS, *_QUESTION_COLUMNS))}.",
        )
    if others:
        return None
    column, value = named[0]
    raise InputError(
        f"{where}: unknown problem: {column} {_shortened(str(value))!r}",
        hint="Use the problem set that these solutions were written for.",
    )


def _text_of(row: dict[str, Any], where: str) -> str:
    text = _first(row, _TEXT_COLUMNS)
    if not isinstance(text, str):
        raise InputError(
            f"{where}: no text of the solution" if text is None else f"{where}: the solution is not a text",
            hint=f"Give it as one of: {', '.join(_TEXT_COLUMNS)}.",
        )
    return text


def _finish_of(row: dict[str, Any], text: str, where: str) -> Finish:
    given = _first(row, _FINISH_COLUMNS)
    if given is None:
        return Finish.DEGENERATE if ends_in_a_loop(text) else Finish.STOP
    if given not in _FINISHES:
        raise InputError(f"{where}: finish: {given!r}", hint=f"Use one of: {', '.join(_FINISHES)}.")
    return _FINISHES[given]


def _tokens_of(row: dict[str, Any], where: str) -> int | None:
    tokens = row.get("tokens")
    if tokens is None or (isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0):
        return tokens
    raise InputError(
        f"{where}: tokens: {tokens!r}", hint="Give the number of generated tokens, or leave it out."
    )


def _first(row: dict[str, Any], columns: Sequence[str]) -> Any:
    return next((row[column] for column in columns if row.get(column) is not None), None)


def _normal(question: str) -> str:
    return " ".join(question.split())


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
