"""What reviewers see of hostile texts, in a real browser: those texts, and nothing else."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argilla_page import ArgillaPage
from chromium import CHROMIUM
from firstfault.annotate.argilla.answering import notes
from firstfault.annotate.argilla.connection import Connection
from firstfault.annotate.argilla.dataset import Place, list_records, open_dataset
from firstfault.annotate.argilla.entry import Entry, make_entry
from firstfault.annotate.argilla.form import (
    CORRECTED_STEP,
    FULL_PRECISION,
    PROBLEM,
    RATIONALE,
    SOLUTION,
    Form,
)
from firstfault.annotate.argilla.markdown import from_markdown
from firstfault.annotate.argilla.numbered import MOST_CHARACTERS
from firstfault.annotate.argilla.push import push
from firstfault.annotate.argilla.sampling import Candidate, Sampled
from firstfault.annotate.steps import bare_step
from firstfault.datasets.records import Drawn, ErrorType, Problem, Solution, Verdict, VerdictStatus
from firstfault.datasets.showing import clip, is_hidden
from hostile_texts import ELSEWHERE, HOSTILE_TEXTS, HostileText
from serving import Serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


def test_hostile_texts_are_shown_as_they_are_and_come_back_as_they_were(serving: Serving, tmp_path: Path):
    connection = Connection(serving.url, serving.credentials["api_key"])
    written = {f"s{number}": turned(number) for number in range(len(HOSTILE_TEXTS))}
    dataset = pushed(connection, [entry(name, texts) for name, texts in written.items()])
    for record in list_records(connection, dataset, "suggestions"):
        question, answer, _, _, _, corrected, rationale = written[record["external_id"]]
        read = from_markdown(record["fields"][PROBLEM])
        assert read == f"{question.text}\n\n**Reference answer:** {answer.text}"
        suggested = {from_markdown(str(one["value"])) for one in record["suggestions"]}
        assert {corrected.text, rationale.text} <= suggested
    by_id = {one["id"]: written[one["external_id"]] for one in list_records(connection, dataset)}
    with ArgillaPage(tmp_path, serving.url) as page:
        page.log_in(serving.credentials["username"], serving.credentials["password"])
        page.open_dataset(dataset)
        for _ in range(len(written) - 1):
            check_shown(page.shown(), by_id)
            page.go_on()
        check_shown(page.shown(), by_id)
        assert len(by_id) == 0
        assert page.mischief() == []
        # Not even tried: other servers have no policy that would stop it.
        assert not [url for url in page.asked() if url.startswith(ELSEWHERE)]


def test_nothing_happens_where_texts_were_sent_as_they_are(serving: Serving, tmp_path: Path):
    connection = Connection(serving.url, serving.credentials["api_key"])
    entries: list[Entry] = []
    # Every text is in a field of some record and in a suggestion of another.
    for number in range(0, len(HOSTILE_TEXTS), 2):
        made = entry(f"s{number}", turned(number))
        raw = [one.text for one in turned(number)]
        fields = dict(zip((PROBLEM, SOLUTION, FULL_PRECISION), raw, strict=False))
        suggestions = {
            name: {**suggestion, "value": raw[3] if name == CORRECTED_STEP else raw[4]}
            for name, suggestion in made.content["suggestions"].items()
            if name in (CORRECTED_STEP, RATIONALE)
        }
        entries.append(Entry(made.id, {**made.content, "fields": fields, "suggestions": suggestions}))
    dataset = pushed(connection, entries)
    with ArgillaPage(tmp_path, serving.url) as page:
        page.log_in(serving.credentials["username"], serving.credentials["password"])
        page.open_dataset(dataset)
        for _ in range(len(entries) - 1):
            page.go_on()
        assert page.mischief() == []
        # The probe probes: some of it would have been fetched.
        assert any(url.startswith(ELSEWHERE) for url in page.asked())


def turned(number: int) -> list[HostileText]:
    """Seven texts, so that every text has every place in some record."""
    return [HOSTILE_TEXTS[(number + place) % len(HOSTILE_TEXTS)] for place in range(7)]


def entry(name: str, texts: list[HostileText]) -> Entry:
    question, answer, first, second, full, corrected, rationale = (one.text for one in texts)
    problem = Problem(question=question, answer=answer)
    steps = (first, second)
    solution = Solution(id=name, problem_id=problem.id, model="q", text="\n\n".join(steps), steps=steps)
    right = Solution(problem_id=problem.id, model="f", text=full, steps=(full,))
    verdict = Verdict(
        solution_id=name,
        judge="panel",
        status=VerdictStatus.FAULTY,
        first_fault=1,
        error_type=ErrorType.EXECUTION,
        rationale=rationale,
        corrected_step=corrected,
        confidence=0.7,
    )
    sampled = Sampled(solution_id=name, steps=2, drawn=Drawn.RANDOM, suggestion=verdict)
    return make_entry(Candidate(problem, solution, right, verdict), sampled, "run")


def pushed(connection: Connection, entries: list[Entry]) -> str:
    place = Place("review", f"d-{uuid.uuid4()}", "run")
    dataset = open_dataset(connection, place, Form(2), 1)
    *_, done = push(connection, dataset, entries)
    assert done.added == len(entries)
    return dataset


def check_shown(shown: dict[str, Any], left: dict[str, list[HostileText]]) -> None:
    question, answer, first, second, full, corrected, rationale = left.pop(shown["record"])
    expected = [
        f"{seen(question)} Reference answer: {seen(answer)}",
        f"Step 1: {step(first, 1)} Step 2: {step(second, 2)}",
        f"Step 1{noted(first, second, full)}: {step(full, 1)}",
        seen(corrected),
        seen(rationale),
    ]
    assert [bare(text) for text in [*shown["fields"], *shown["suggested"]]] == [
        bare(text) for text in expected
    ]


def noted(first: HostileText, second: HostileText, full: HostileText) -> str:
    """What is said of full precision's only step."""
    by_step = notes([full.text], [first.text, second.text]).by_step
    return f" ({by_step[0]})" if by_step else ""


def seen(one: HostileText, cut: Callable[[str], str] = str) -> str:
    """What a reviewer should read: the text, with a name for each character that can't be seen."""
    text = cut(one.text)
    shown = one.shown if one.shown is not None and text == one.text else text
    return "".join(_named(char) if is_hidden(char) else char for char in shown)


def step(one: HostileText, number: int) -> str:
    return seen(one, lambda text: clip(bare_step(text, number).strip(), MOST_CHARACTERS))


def _named(char: str) -> str:
    return chr(0x2400 + ord(char)) if char < " " else "\u2421" if char == "\x7f" else f"⟨U+{ord(char):04X}⟩"


def bare(text: str) -> str:
    """Without white space, and without the space of no width around maths."""
    return re.sub(r"\s", "", text.replace("\ufeff", ""))
