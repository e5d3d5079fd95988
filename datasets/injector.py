"""The error injector: plant one fault in a right abacus solution and go on consistently from it.

Planted faults have a known step and type, which makes them a test for judges that no model is needed for.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from random import Random
from typing import NamedTuple

from .abacus import program_of
from .program import Node, Program, amount, apply
from .records import ErrorType, Finish, Problem, Solution, Verdict, VerdictStatus

_OTHER_OPERATIONS: dict[str, tuple[str, ...]] = {
    "+": ("-", "*"),
    "-": ("+",),
    "*": ("+", "-"),
    "/": ("*", "-"),
    "of": (),
}
_LARGEST = 99_999


class Injected(NamedTuple):
    """A solution with one planted fault."""

    solution: Solution
    step: int
    """0-based index of the planted fault."""
    error_type: ErrorType

    @property
    def truth(self) -> Verdict:
        """The fault as a verdict."""
        return Verdict(
            solution_id=self.solution.id,
            judge="injector",
            status=VerdictStatus.FAULTY,
            first_fault=self.step,
            error_type=self.error_type,
        )


class _Line(NamedTuple):
    """A faulty step's equation."""

    left: str
    op: str
    right: str
    value: int
    misread: tuple[str, str] | None = None
    """A number of the problem, and what stands in its place."""

    def text(self, node: Node) -> str:
        if self.misread is not None:
            number, wrong = self.misread
            quotes = re.sub(rf"(?<![\d/]){re.escape(number)}(?![\d/%])", wrong, node.quotes)
            node = node.model_copy(update={"quotes": quotes})
        return node.text(f"{self.left} {self.op} {self.right} = {self.value}")


def inject(problem: Problem, step: int, error_type: ErrorType, *, seed: int = 0) -> Injected | None:
    """Plant a fault of a type at a step of the right solution.

    Args:
        problem: An abacus problem.
        step: 0-based index of a step with an equation (not of the answer line).
        error_type: What to plant.
        seed: Same arguments, same fault.

    Returns:
        The faulty solution, or `None` where this problem admits no such fault at this step (e.g. a reasoning
        fault where no earlier result is used) or none from which whole numbers go on.

    Raises:
        ValueError: If the step is out of range or the problem has no program.
    """
    program = program_of(problem)
    if not 0 <= step < len(program.nodes):
        raise ValueError(f"step must be from 0 to {len(program.nodes) - 1}, got {step}")
    rng = Random(f"{problem.id}:{step}:{error_type}:{seed}")
    if error_type is ErrorType.DEGENERATE:
        return _degenerate(problem, program, step, rng)
    lines = list(_faulty_lines(program, step, error_type, rng))
    rng.shuffle(lines)
    for line in lines:
        text = _go_on(program, step, line)
        if text is not None:
            return Injected(_solution(problem, text, Finish.STOP), step, error_type)
    return None


def right_solution(problem: Problem) -> Solution:
    """The right solution of an abacus problem, as a record."""
    return _solution(problem, list(program_of(problem).steps()), Finish.STOP)


def _faulty_lines(program: Program, step: int, error_type: ErrorType, rng: Random) -> Iterator[_Line]:
    node = program.nodes[step]
    left, right = program.operand(node.left), program.operand(node.right)
    if error_type is ErrorType.EXECUTION:
        for wrong in (node.value + shift for shift in (-20, -10, -2, -1, 1, 2, 10, 20)):
            if wrong > 0:
                yield _Line(left, node.op, right, wrong)
    elif error_type is ErrorType.METHOD:
        for op in _OTHER_OPERATIONS[node.op]:
            yield from _computed(left, op, right)
    elif error_type is ErrorType.CONCEPTUAL:
        # A number of the problem is misread: a distractor or a number from nowhere stands in its place.
        numbers = _numbers_of(program)
        strange = [str(n) for n in range(2, 100) if n not in numbers]
        distractors = [given.text for given in program.givens if not given.used]
        for wrong in (*distractors, *rng.sample(strange, k=8)):
            if node.left.startswith("g") and node.op != "of":
                yield from _computed(wrong, node.op, right, misread=(left, wrong))
            if node.right.startswith("g"):
                yield from _computed(left, node.op, wrong, misread=(right, wrong))
    elif error_type is ErrorType.REASONING:
        # Another number stands where an earlier result belongs.
        numbers = _numbers_of(program)
        for name in (node.left, node.right):
            if name.startswith("g"):
                continue
            result = int(program.operand(name))
            for wrong in (result + shift for shift in (-12, -10, -5, -3, -2, -1, 1, 2, 3, 5, 10, 12)):
                if wrong > 1 and wrong not in numbers:
                    changed = (str(wrong), right) if name == node.left else (left, str(wrong))
                    yield from _computed(changed[0], node.op, changed[1])


def _computed(left: str, op: str, right: str, *, misread: tuple[str, str] | None = None) -> Iterator[_Line]:
    value = apply(op, amount(left), amount(right))
    if value is not None and value.denominator == 1 and 0 < value <= _LARGEST:
        yield _Line(left, op, right, int(value), misread)


def _numbers_of(program: Program) -> set[Fraction]:
    return {amount(given.text) for given in program.givens} | {Fraction(node.value) for node in program.nodes}


def _go_on(program: Program, step: int, line: _Line) -> list[str] | None:
    """All steps, the ones after the fault computed from its value; `None` if they leave whole numbers."""
    if line.value == program.nodes[step].value:
        return None
    values = [node.value for node in program.nodes]
    values[step] = line.value
    texts = [text.split(": ", 1)[1] for text in program.steps()[:-1]]
    texts[step] = line.text(program.nodes[step])
    for index in range(step + 1, len(program.nodes)):
        node = program.nodes[index]
        left, right = (
            program.givens[int(name[1:])].text if name.startswith("g") else str(values[int(name[1:])])
            for name in (node.left, node.right)
        )
        lines = list(_computed(left, node.op, right))
        if not lines:
            return None
        values[index] = lines[0].value
        texts[index] = lines[0].text(node)
    return [*(f"Step {n}: {text}" for n, text in enumerate(texts, 1)), f"Answer: {values[-1]}"]


def _degenerate(problem: Problem, program: Program, step: int, rng: Random) -> Injected:
    steps = program.steps()
    if step > 0 and rng.random() < 0.5:
        body = steps[step - 1].split(": ", 1)[1]
        loop = [f"Step {n + 1}: {body}" for n in range(step, step + rng.randint(4, 12))]
        solution = _solution(problem, [*steps[:step], *loop], Finish.DEGENERATE)
    else:
        whole = steps[step]
        cut = whole[: whole.index(" = ") + 2]  # before the value, so that no equation is left
        solution = _solution(problem, [*steps[:step], cut], Finish.LENGTH)
    return Injected(solution, step, ErrorType.DEGENERATE)


def _solution(problem: Problem, steps: list[str], finish: Finish) -> Solution:
    last = steps[-1]
    answer = last.removeprefix("Answer: ") if last.startswith("Answer: ") else None
    return Solution(
        problem_id=problem.id,
        model="injector",
        text="\n".join(steps),
        steps=tuple(steps),
        answer=answer,
        correct=answer == problem.answer,
        finish=finish,
        well_formed=answer is not None,
    )
