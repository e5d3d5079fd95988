"""The exact program behind an abacus problem, and the solution it spells out.

A program is a list of givens (the numbers in the question, distractors included) and a list of nodes,
each one operation on givens and earlier nodes. Its last node is the answer. All arithmetic is on
integers; `of` takes a percentage or a fraction of an integer.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from .records import Record

Op = Literal["+", "-", "*", "/", "of"]


class Given(Record):
    """A number in the question."""

    text: str
    """As a step writes it: `12`, `25%` or `3/4`."""
    used: bool = True
    """False for a distractor."""


class Node(Record):
    """One operation, which is one step of the solution."""

    op: Op
    left: str
    """Name of an operand: `g2` is the third given, `n0` the result of the first node."""
    right: str
    value: int
    says: str
    """The step's own sentence, `{}` standing for the equation."""
    quotes: str = ""
    """The sentences of the question that the step goes by; it says them again before its own."""

    def text(self, equation: str) -> str:
        """The step's text with an equation in it."""
        return f"{self.quotes} {self.says.replace('{}', equation, 1)}".lstrip()


class Program(Record):
    """What a problem asks for, exactly."""

    template: str
    """Kinds of the story's moves in order; with the numbers it identifies a problem."""
    givens: tuple[Given, ...]
    nodes: tuple[Node, ...]

    @property
    def answer(self) -> int:
        """Value of the last node."""
        return self.nodes[-1].value

    def operand(self, name: str) -> str:
        """Text of an operand as a right step writes it."""
        index = int(name[1:])
        return self.givens[index].text if name[0] == "g" else str(self.nodes[index].value)

    def equation(self, node: Node) -> str:
        """Text such as `48 - 12 = 36`."""
        return f"{self.operand(node.left)} {node.op} {self.operand(node.right)} = {node.value}"

    def steps(self) -> tuple[str, ...]:
        """The right solution's steps, its answer line last."""
        lines = [node.text(self.equation(node)) for node in self.nodes]
        return (*(f"Step {n}: {line}" for n, line in enumerate(lines, 1)), f"Answer: {self.answer}")


def amount(text: str) -> Fraction:
    """Value of an operand's text: `12`, `25%` or `3/4`."""
    return Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)


def apply(op: str, left: Fraction, right: Fraction) -> Fraction | None:
    """Result of one operation; `None` for a division by zero."""
    if op == "/":
        return left / right if right else None
    results: Mapping[str, Fraction] = {
        "+": left + right,
        "-": left - right,
        "*": left * right,
        "of": left * right,
    }
    return results[op]
