from collections.abc import Iterator, Sequence

from firstfault.annotate.engines.engine import Completion, Prompt, Sampling
from firstfault.annotate.grading import Grader
from firstfault.annotate.solving import solve
from firstfault.datasets.records import Finish, Problem

PROBLEMS = [Problem(id=f"p{n}", question=f"What is {n} + 1?", answer=str(n + 1)) for n in range(3)]


class Backwards:
    """An engine that is done with the last prompt first, and answers the second one wrongly."""

    name = "backwards"

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        for number, prompt in reversed(list(enumerate(prompts))):
            answer = 7 if number == 1 else number + 1
            text = f"Step 1: It is {answer}.\nAnswer: \\boxed{{{answer}}}"
            yield Completion(prompt.key, 0, text, Finish.STOP, 9)


def test_solutions_are_graded_and_in_the_order_of_the_problems():
    told: list[int] = []
    with Grader() as grader:
        found = solve(Backwards(), PROBLEMS, Sampling(), grader, done=told.append)
    assert [one.problem_id for one in found] == ["p0", "p1", "p2"]
    assert [one.correct for one in found] == [True, False, True]
    assert {one.model for one in found} == {"backwards"}
    assert told == [1, 1, 1]


def test_the_form_that_was_asked_for_decides_what_is_well_formed():
    with Grader() as grader:
        boxed = solve(Backwards(), PROBLEMS, Sampling(), grader, form="boxed")
    assert all(one.well_formed for one in boxed)
