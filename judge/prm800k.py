"""PRM800K's files (arXiv 2305.20050): people's ratings of steps, 1 (good), 0 (neutral) or -1 (bad).

Its own JSONL, of either phase, has a solution a line, with the steps that people chose to go on with, up to
the first bad one. A neutral step is no fault, as in the paper's own training. The flattened files that go
round (`instruction`, `responses`, `next_response`, `rating`) have a step a line: a line is a labelled
solution where its step is bad, or good and the last one. Neither has types of error.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from .item import ItemCase, as_case

SOURCE = "prm800k"
_BAD = -1


def is_prm800k(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of PRM800K's own."""
    return isinstance(row.get("question"), dict) and isinstance(row.get("label"), dict)


def is_flattened(row: Mapping[str, Any]) -> bool:
    """Whether a row is one step of a flattened file."""
    return all(name in row for name in ("instruction", "responses", "next_response", "rating"))


def prm800k_item(row: Mapping[str, Any], place: int) -> ItemCase:
    """Read one solution of PRM800K's own files. What is not as it should be is the item's reason."""
    question, label = cast(dict[str, Any], row["question"]), cast(dict[str, Any], row["label"])
    problem, entries = question.get("problem"), label.get("steps")
    if not isinstance(problem, str) or not problem.strip():
        return ItemCase(str(place), None, "question.problem: missing or not text")
    if not isinstance(entries, list) or not entries:
        return ItemCase(str(place), None, "label.steps: missing, empty or not a list")
    steps: list[str] = []
    fault: int | None = None
    for number, entry in enumerate(cast(list[object], entries)):
        chosen = _chosen(entry)
        if chosen is None:
            return ItemCase(str(place), None, f"label.steps.{number}: no step was chosen")
        steps.append(chosen[0])
        if chosen[1] == _BAD:
            fault = number
            break
    finish = label.get("finish_reason")
    is_whole = fault is not None or finish == "solution"
    if fault is not None:
        steps += _rest(question.get("pre_generated_steps"), steps)
    answer = question.get("ground_truth_answer")
    case = as_case(
        problem, tuple(steps), source=SOURCE, answer=answer if isinstance(answer, str) else "", model=SOURCE
    )
    # Where people gave up, or ended before a fault or the answer, nothing is known of the whole.
    return ItemCase(str(place), case, None, (-1 if fault is None else fault) if is_whole else None)


def flattened_item(row: Mapping[str, Any], place: int) -> ItemCase:
    """Read one step of a flattened file, with the steps before it. Those are the ones people went on with."""
    problem, before, step = row["instruction"], row["responses"], row["next_response"]
    if not isinstance(problem, str) or not problem.strip():
        return ItemCase(str(place), None, "instruction: missing or not text")
    if not isinstance(before, list) or not isinstance(step, str):
        return ItemCase(str(place), None, "responses, next_response: not a list of texts and a text")
    steps = (*cast(list[object], before), step)
    texts = tuple(one for one in steps if isinstance(one, str))
    if len(texts) < len(steps):
        return ItemCase(str(place), None, "responses: a step is not text")
    rating = row["rating"]
    label = None
    if rating == _BAD:
        label = len(texts) - 1
    elif rating == 1 and row.get("is_solution") is True:
        label = -1
    return ItemCase(str(place), as_case(problem, texts, source=SOURCE, model=SOURCE), None, label)


def _chosen(entry: object) -> tuple[str, object] | None:
    """The step that people went on with, or stopped at, and its rating."""
    if not isinstance(entry, dict):
        return None
    step = cast(dict[str, Any], entry)
    found: list[object] = step["completions"] if isinstance(step.get("completions"), list) else []
    completions = [cast(dict[str, Any], one) for one in found if isinstance(one, dict)]
    chosen = step.get("chosen_completion")
    if isinstance(chosen, int) and 0 <= chosen < len(completions):
        return _rated(completions[chosen])
    human = step.get("human_completion")
    if isinstance(human, dict):
        # Written by a person in place of all that the model offered.
        text = cast(dict[str, Any], human).get("text")
        return (text, 1) if isinstance(text, str) else None
    if isinstance(human, str) and human.strip():
        return human, 1
    # Nothing was gone on with: the last step, where the model's own one was bad.
    return _rated(completions[0]) if completions else None


def _rated(completion: Mapping[str, Any]) -> tuple[str, object] | None:
    text = completion.get("text")
    return (text, completion.get("rating")) if isinstance(text, str) and text.strip() else None


def _rest(generated: object, steps: Sequence[str]) -> list[str]:
    """What the model wrote behind a fault, where the steps up to it are its own."""
    if not isinstance(generated, list):
        return []
    texts = [one for one in cast(list[object], generated) if isinstance(one, str)]
    return texts[len(steps) :] if texts[: len(steps)] == list(steps) else []
