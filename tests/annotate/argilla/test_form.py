import re

import pytest
from firstfault.annotate.argilla.entry import make_entry
from firstfault.annotate.argilla.form import (
    ERROR_TYPE,
    MOST_STEPS,
    NO_FAULT,
    SOLUTION,
    SUBTYPE,
    UNSURE,
    Form,
)
from firstfault.annotate.argilla.sampling import Candidate, Sampled
from firstfault.datasets.records import (
    Drawn,
    ErrorType,
    Problem,
    Solution,
    Subtype,
    Verdict,
    VerdictStatus,
)


@pytest.mark.parametrize("steps", [1, 5, 10, 11, 24, 25, 100, MOST_STEPS, 3000])
def test_whatever_the_steps_the_answers_that_are_none_are_seen_and_a_step_has_its_own_key(steps: int):
    form = Form(steps)
    labels = list(form.step_labels)
    seen = labels[: form.visible_labels]
    assert {NO_FAULT, UNSURE} < set(seen)
    assert len(seen) <= 26
    assert labels[:10] == [str(number) for number in range(1, 11)]
    assert sorted(int(label) for label in labels if label.isdigit()) == list(
        range(1, min(max(10, steps), MOST_STEPS) + 1)
    )
    assert len(labels) <= 500


def test_every_kind_and_subtype_can_be_picked():
    labels = Form(3).labels
    assert set(labels[ERROR_TYPE]) == set(ErrorType)
    assert set(labels[SUBTYPE]) == set(Subtype)
    assert len(set(labels[SUBTYPE].values())) == len(Subtype)


@pytest.mark.parametrize(("is_suggested", "shown"), [(True, [88, 89, 90, 91, 92]), (False, [])])
def test_only_a_suggestion_opens_what_is_left_out(is_suggested: bool, shown: list[int]):
    # Else a reviewer without a suggestion would see where the judges looked.
    steps = tuple(f"{number} + 1 = {number + 1}" for number in range(150))
    problem = Problem(question="?", answer="\\frac{1}{2}")
    solution = Solution(problem_id=problem.id, model="q", text="\n".join(steps), steps=steps)
    verdict = Verdict(solution_id=solution.id, judge="panel", status=VerdictStatus.FAULTY, first_fault=89)
    sampled = Sampled(
        solution_id=solution.id,
        steps=150,
        drawn=Drawn.RANDOM,
        suggestion=verdict if is_suggested else None,
    )
    made = make_entry(Candidate(problem, solution, None, verdict), sampled, "run")
    numbers = [int(number) for number in re.findall(r"\*\*Step (\d+):\*\*", made.content["fields"][SOLUTION])]
    assert numbers == [*range(1, 58), *shown, 148, 149, 150]
    assert "\\frac{1}{2}$" in made.content["fields"]["problem"]
