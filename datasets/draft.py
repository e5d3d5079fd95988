"""A story being told: its sentences, and the program that they amount to so far."""

from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import TypeVar

from . import stories
from .program import Given, Node, Op, amount, apply

T = TypeVar("T")


class DeadEndError(Exception):
    """The story can't go on from here within its limits; the generator starts it anew."""


class Draft:
    """Sentences, givens, nodes and the quantity that a story is at; each number occurs once.

    Args:
        rng: Decides everything.
        largest: Largest number that may occur.
    """

    def __init__(self, rng: Random, largest: int) -> None:
        self.rng = rng
        self.largest = largest
        self.place = rng.choice(list(stories.SCENES))
        self.scene = stories.SCENES[self.place]
        self.holders = rng.sample(self.scene.holders, k=4)
        self.words = {"h": self.holders.pop(), "i": rng.choice(self.scene.items)}
        self.sentences: list[str] = []
        self.told = 0
        """How many of the sentences the nodes so far go by."""
        self.givens: list[Given] = []
        self.nodes: list[Node] = []
        self.values: set[Fraction] = set()
        self.template = [self.place]
        self.current = ""  # operand name of the quantity the story is at

    def _state(self) -> dict[str, object]:
        return {
            name: value.copy() if isinstance(value, (list, dict, set)) else value
            for name, value in self.__dict__.items()
        }

    def _two_factors(self, most: int, largest: int | None = None) -> tuple[str, str]:
        largest = self.largest if largest is None else largest
        n = self._between(2, min(most, largest // 4))
        return self._given(n), self._given(self._between(2, min(60, largest // n)))

    def _multiplier(self) -> str:
        times = [w for w in stories.TIMES_WORDS if w * self._value() <= self.largest]
        return self._given(self._choice(times))

    def _share(self) -> str:
        value = self._value()
        whole = [f for f in stories.SHARE_WORDS if (amount(f) * value).denominator == 1]
        return self._given(self._choice([f for f in whole if amount(f) * value >= 2]))

    def _given(self, value: int | str, *, used: bool = True) -> str:
        self._refuse_repeat(amount(str(value)))
        self.givens.append(Given(text=str(value), used=used))
        return f"g{len(self.givens) - 1}"

    def _between(self, low: int, high: int) -> int:
        if high < low:
            raise DeadEndError
        return self.rng.randint(low, high)

    def _choice(self, options: Sequence[T]) -> T:
        if not options:
            raise DeadEndError
        return self.rng.choice(options)

    def _text(self, name: str) -> str:
        return self.givens[int(name[1:])].text if name[0] == "g" else str(self.nodes[int(name[1:])].value)

    def _value(self) -> int:
        return int(amount(self._text(self.current)))

    def _node(self, op: Op, left: str, right: str, says: str) -> None:
        value = apply(op, amount(self._text(left)), amount(self._text(right)))
        if value is None or value.denominator != 1 or not 2 <= value <= self.largest:
            raise DeadEndError
        self._refuse_repeat(value)
        text = sentence_of(says.replace("{}", "\0").format(**self.words).replace("\0", "{}"))
        quotes = " ".join(self.sentences[self.told :])
        self.told = len(self.sentences)
        self.nodes.append(Node(op=op, left=left, right=right, value=int(value), says=text, quotes=quotes))
        self.current = f"n{len(self.nodes) - 1}"

    def _say(self, kind: str, sentence: str, **numbers: str) -> None:
        self.template.append(kind)
        words = dict(self.words)
        for name, operand in numbers.items():
            text = self._text(operand)
            if name == "w":
                words[name] = self.rng.choice(stories.TIMES_WORDS[int(text)])
            elif name == "f":
                words[name] = self.rng.choice(stories.SHARE_WORDS[text])
            else:
                words[name] = text
        self.sentences.append(sentence_of(sentence.format(**words)))

    def _fill(self, sentence: str) -> str:
        return sentence_of(sentence.format(**self.words))

    def _refuse_repeat(self, value: Fraction) -> None:
        # With all numbers distinct the oracle never has to guess which quantity a number means.
        if value in self.values:
            raise DeadEndError
        self.values.add(value)


def sentence_of(text: str) -> str:
    """A filled-in template as a sentence; `$@` joins the dollar sign to its number."""
    return (text[0].upper() + text[1:]).replace("$@", "$")
