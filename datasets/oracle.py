"""The oracle: first fault and error type of any abacus solution, read off the exact program.

It is ground truth for tests, calibration and reports, and never a judge in a headline result. What it
calls which error:

- *conceptual*: a number that is not in the problem, a distractor, a sentence quoted that the problem does
  not hold, or a step about another quantity than its equation computes; an answer that is another quantity
  than the one asked for.
- *method*: the right numbers with the wrong operation (formula) or in the wrong order (procedural).
- *execution*: the right expression with the wrong value.
- *reasoning*: a number that does not follow from the earlier steps (where an earlier result belongs), or
  an answer that is not what the steps lead to.
- *degenerate*: repetition, cut off, or not a step at all.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from .abacus import program_of
from .program import Node, Program, amount
from .records import ErrorType, Finish, Problem, Solution, Subtype, Verdict, VerdictStatus

_NUMBER = r"-?\d{1,9}(?:/[1-9]\d{0,8}|%)?"
_EQUATION = re.compile(rf"({_NUMBER}) (\+|-|\*|/|of) ({_NUMBER}) = (-?\d{{1,9}})(?![\d/%])")
_ANSWER = re.compile(r"Answer: (-?\d{1,9})")
_SENTENCE = re.compile(r"[^. ][^.]*\.")
_STEP = re.compile(r"Step \d+: ")
_FILLERS = {
    "then",
    "had",
    "left",
    "the",
    "was",
    "were",
    "a",
    "of",
    "in",
    "now",
    "got",
    "held",
    "took",
    "kept",
}

_PROCEDURAL = (ErrorType.METHOD, Subtype.PROCEDURAL)
_FORMULA = (ErrorType.METHOD, Subtype.FORMULA)
_COMPUTATION = (ErrorType.EXECUTION, Subtype.COMPUTATION)
_MISUNDERSTANDING = (ErrorType.CONCEPTUAL, Subtype.MISUNDERSTANDING)
_OVERSIGHT = (ErrorType.CONCEPTUAL, Subtype.CONTEXTUAL_OVERSIGHT)
_LOGIC = (ErrorType.REASONING, Subtype.LOGIC)
_REPETITION = (ErrorType.DEGENERATE, Subtype.REPETITION)
_TRUNCATION = (ErrorType.DEGENERATE, Subtype.TRUNCATION)
_OFF_TOPIC = (ErrorType.DEGENERATE, Subtype.OFF_TOPIC)

Kind = tuple[ErrorType, Subtype]


class Equation(NamedTuple):
    """One `left op right = value`."""

    left: str
    op: str
    right: str
    value: Fraction


def oracle(problem: Problem, solution: Solution) -> Verdict:
    """Find the first fault of a solution of an abacus problem.

    Returns:
        A `faulty` verdict with step, type and subtype, or `clean`. A solution that ends without an
        answer is faulty at its last step.

    Raises:
        ValueError: If the problem has no program or the solution is of another problem.
    """
    if solution.problem_id != problem.id:
        raise ValueError(f"solution {solution.id} is not of problem {problem.id}")
    walk = _Walk(program_of(problem), problem.question)
    cut_off = solution.finish is not Finish.STOP
    for index, step in enumerate(solution.steps):
        kind = walk.fault(step)
        if kind is not None:
            if cut_off and index == len(solution.steps) - 1 and kind == _OFF_TOPIC:
                kind = _TRUNCATION
            return _faulty(solution, index, kind)
    if not walk.answered:
        return _faulty(
            solution, max(0, len(solution.steps) - 1), _TRUNCATION if cut_off else _MISUNDERSTANDING
        )
    return Verdict(solution_id=solution.id, judge="oracle", status=VerdictStatus.CLEAN, confidence=1.0)


def read_equation(step: str) -> Equation | None:
    """The first equation of a step in abacus' format, if there is one."""
    match = _EQUATION.search(_STEP.sub("", step, count=1))
    if match is None:
        return None
    left, op, right, value = match.groups()
    return Equation(left, op, right, Fraction(value))


def _faulty(solution: Solution, index: int, kind: Kind) -> Verdict:
    return Verdict(
        solution_id=solution.id,
        judge="oracle",
        status=VerdictStatus.FAULTY,
        first_fault=index,
        error_type=kind[0],
        subtype=kind[1],
        confidence=1.0,
    )


class _Walk:
    """A right solution as far as it has been read; nodes may come in any order that their operands allow."""

    def __init__(self, program: Program, question: str) -> None:
        self.program = program
        self.question = question
        self.done: set[int] = set()
        self.said: set[str] = set()
        self.last: Fraction | None = None
        self.answered = False

    def fault(self, step: str) -> Kind | None:
        """Kind of this step's fault, given that all before it were right; `None` if it is right."""
        body = _STEP.sub("", step.strip(), count=1)
        if self.answered or body in self.said:
            return _REPETITION
        self.said.add(body)
        answer = _ANSWER.fullmatch(body)
        if answer is not None:
            self.answered = True
            return self._fault_of_answer(Fraction(answer[1]))
        equation = read_equation(step)
        if equation is None:
            return _OFF_TOPIC
        quotes, own = _split(body)
        index = self._computed_by(equation)
        if index is None:
            return self._fault_of_expression(equation, own)
        node = self.program.nodes[index]
        if equation.value != node.value:
            return _COMPUTATION
        if _content(own) != _content(node.says):
            return _OVERSIGHT
        if any(sentence not in self.question for sentence in _SENTENCE.findall(quotes)):
            return _MISUNDERSTANDING
        self.done.add(index)
        self.last = equation.value
        return None

    def _fault_of_answer(self, value: Fraction) -> Kind | None:
        if len(self.program.nodes) - 1 in self.done:
            if value == self.program.answer:
                return None
            others = {Fraction(node.value) for node in self.program.nodes[:-1]} | self._givens(used=True)
            return _MISUNDERSTANDING if value in others else _LOGIC
        # The asked quantity was never computed: another one is given for it, or a number from nowhere.
        return _MISUNDERSTANDING if value == self.last or value in self._givens(used=True) else _LOGIC

    def _computed_by(self, equation: Equation) -> int | None:
        for index, node in self._open_nodes():
            if equation.op == node.op and _same_operands(equation, self._operands(node), node.op in "+*of"):
                return index
        return None

    def _fault_of_expression(self, equation: Equation, own: str) -> Kind:
        given = (amount(equation.left), amount(equation.right))
        for _, node in self._open_nodes():
            operands = self._operands(node)
            if sorted(given) == sorted(operands):
                return _PROCEDURAL if equation.op == node.op else _FORMULA
        if set(given) & self._givens(used=False):
            return _OVERSIGHT
        return self._fault_of_numbers(given, self._meant(own, given))

    def _fault_of_numbers(self, given: tuple[Fraction, Fraction], node: Node | None) -> Kind:
        known = self._givens(used=True) | {Fraction(self.program.nodes[i].value) for i in self.done}
        if node is None:
            return _LOGIC if set(given) <= known else _MISUNDERSTANDING
        wanted = {name: amount(self.program.operand(name)) for name in (node.left, node.right)}
        missing = [name for name, value in wanted.items() if value not in given]
        # A wrong number in the place of an earlier result does not follow from the earlier steps; one in
        # the place of a number of the problem misreads the problem.
        return _LOGIC if any(name.startswith("n") for name in missing) else _MISUNDERSTANDING

    def _meant(self, own: str, given: tuple[Fraction, Fraction]) -> Node | None:
        """The next node whose sentence this is, else the one that shares an operand."""
        open_nodes = [node for _, node in self._open_nodes()]
        text = _EQUATION.sub("{}", own, count=1)
        for node in open_nodes:
            if text == node.says:
                return node
        for node in open_nodes:
            if set(given) & set(self._operands(node)):
                return node
        return open_nodes[0] if open_nodes else None

    def _open_nodes(self) -> Iterator[tuple[int, Node]]:
        for index, node in enumerate(self.program.nodes):
            needs = {int(name[1:]) for name in (node.left, node.right) if name.startswith("n")}
            if index not in self.done and needs <= self.done:
                yield index, node

    def _operands(self, node: Node) -> tuple[Fraction, Fraction]:
        return amount(self.program.operand(node.left)), amount(self.program.operand(node.right))

    def _givens(self, *, used: bool) -> set[Fraction]:
        return {amount(given.text) for given in self.program.givens if given.used == used}


def _split(body: str) -> tuple[str, str]:
    """What a step quotes, and its own sentence: the first one with an equation, and what comes after it."""
    equation = _EQUATION.search(body)
    quotes, end, _ = body[: equation.start()].rpartition(". ") if equation else ("", "", "")
    return quotes + end, body[len(quotes + end) :]


def _same_operands(equation: Equation, operands: tuple[Fraction, Fraction], commutes: bool) -> bool:
    given = (amount(equation.left), amount(equation.right))
    return given == operands or (commutes and given == operands[::-1])


def _content(text: str) -> frozenset[str]:
    """What a step is about: its words, without the equation and without words that carry no quantity."""
    words = re.findall(r"[a-z]+", _EQUATION.sub(" ", text).replace("{}", " ").lower())
    return frozenset(words) - _FILLERS
