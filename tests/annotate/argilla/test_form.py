import re

import pytest
from firstfault.annotate.argilla.entry import make_entry
from firstfault.annotate.argilla.form import (
    ERROR_TYPE,
    FULL_PRECISION,
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


@pytest.mark.parametrize("is_suggested", [True, False])
def test_where_solutions_part_is_told_only_beside_a_suggestion(is_suggested: bool):
    # Else a reviewer who is to judge blind would know where to look.
    steps = ("2 + 3 = 5", "5 * 4 = 18", "18 - 1 = 17")
    right = ("2 + 3 = 5", "5 * 4 = 20", "20 - 1 = 19")
    problem = Problem(question="?", answer="19")
    solution, full = (
        Solution(problem_id=problem.id, model=model, text="\n".join(written), steps=written)
        for model, written in (("q", steps), ("f", right))
    )
    verdict = Verdict(solution_id=solution.id, judge="panel", status=VerdictStatus.FAULTY, first_fault=1)
    sampled = Sampled(
        solution_id=solution.id, steps=3, drawn=Drawn.RANDOM, suggestion=verdict if is_suggested else None
    )
    fields = make_entry(Candidate(problem, solution, full, verdict), sampled, "run").content["fields"]
    assert ("part" in fields[FULL_PRECISION]) is is_suggested
    assert fields[FULL_PRECISION].startswith("**Step 1:** 2 + 3 = 5\n\n**Step 2")
    assert "**Step 2 (they part here):** 5 * 4 = 20" in fields[FULL_PRECISION] or not is_suggested
    # The solution that is judged carries no mark.
    assert "part" not in fields[SOLUTION]
