"""Telling one abacus story, move by move."""

from collections.abc import Callable
from random import Random

from . import stories
from .draft import DeadEndError, Draft, sentence_of
from .program import Program, amount

_PATIENCE = 20  # moves that a story may try in vain before it is told anew


class Story(Draft):
    """One story: which moves it may make, and what each says and computes.

    Args:
        rng: Decides everything.
        largest: Largest number that may occur.
    """

    def __init__(self, rng: Random, largest: int) -> None:
        super().__init__(rng, largest)
        self.asks = "have"
        self.split_into = 0

    def tell(self, level: int, distractors: int) -> tuple[str, Program]:
        """Return the question and the program of a story of `level` nodes.

        Raises:
            DeadEndError: If this story got stuck.
        """
        self._open()
        failures = 0
        while len(self.nodes) < level:
            moves = self._moves(level - len(self.nodes))
            if not moves or failures > _PATIENCE:
                raise DeadEndError
            before = self._state()
            try:
                self.rng.choice(moves)()
            except DeadEndError:
                self.__dict__.update(before)
                failures += 1
        if len(self.nodes) != level:
            raise DeadEndError
        question = self._fill(self.rng.choice(stories.ASK[self.asks]))
        for sentence in self.rng.sample(stories.DISTRACTORS, k=distractors):
            self._distract(sentence)
        program = Program(
            template=" ".join(self.template), givens=tuple(self.givens), nodes=tuple(self.nodes)
        )
        return " ".join([*self.sentences, question]), program

    def _moves(self, left: int) -> list[Callable[[], None]]:
        if self.asks == "each":
            return [self._take] if left > 1 else []
        if self.asks in ("together", "more"):
            return []
        moves = [self._gain, self._lose, self._times, self._keep, self._compare]
        if left == 1:
            moves += [self._split, self._join, self._differ]
        if left >= 2:
            moves += [
                self._part,
                self._part,
                self._compare_and_join,
                self._compare_and_merge,
                self._gain_groups,
            ]
        if left >= 3:
            moves.append(self._split)
        if self.scene is not stories.MONEY:
            moves.append(self._sell)
        return moves

    # -- moves, each with its sentences and nodes ---------------------------------------------

    def _open(self) -> None:
        kind = self.rng.choice(("plain", "plain", "groups", "sum", "rate"))
        sentence = self.rng.choice(stories.OPENINGS[kind])
        if kind == "plain":
            self.current = self._given(self.rng.randint(8, self.largest // 2))
            self._say("plain", sentence, n=self.current)
        elif kind == "sum":
            n, m = self._given(self.rng.randint(4, 99)), self._given(self.rng.randint(4, 99))
            self._say("sum", sentence, n=n, m=m)
            self._node("+", n, m, "{h} had {} {i}.")
        else:
            self._containers()
            most = 12 if kind == "groups" else 14
            n, m = self._two_factors(most)
            self._say(kind, sentence, n=n, m=m)
            self._node("*", n, m, "{h} had {} {i}.")

    def _gain(self) -> None:
        n = self._given(self._between(2, min(99, self.largest - self._value())))
        self._say("gain", self.rng.choice(self.scene.gain), n=n)
        self._node("+", self.current, n, "{h} then had {} {i}.")

    def _gain_groups(self) -> None:
        self._containers()
        n, m = self._two_factors(12, largest=self.largest - self._value())
        self._say("gain_groups", self.rng.choice(stories.GROUP_GAIN), n=n, m=m)
        before = self.current
        self._node("*", n, m, "The new {c} held {} {i}.")
        self._node("+", before, self.current, "{h} then had {} {i}.")

    def _lose(self) -> None:
        n = self._given(self._between(2, min(99, self._value() - 2)))
        self._say("lose", self.rng.choice(self.scene.lose), n=n)
        self._node("-", self.current, n, "{h} had {} {i} left.")

    def _part(self) -> None:
        share = self._share()
        self._say("part", self.rng.choice(self.scene.part), f=share)
        before = self.current
        self._node("of", share, before, "That part was {} {i}.")
        self._node("-", before, self.current, "{h} had {} {i} left.")

    def _keep(self) -> None:
        share = self._share()
        self._say("keep", self.rng.choice(stories.KEEP), f=share)
        self._node("of", share, self.current, "{h} kept {} {i}.")

    def _times(self) -> None:
        w = self._multiplier()
        self._say("times", self.rng.choice(stories.TIMES), w=w)
        self._node("*", self.current, w, "{h} then had {} {i}.")

    def _compare(self) -> None:
        self._other()
        self._compare_with()
        self._focus_on_other()

    def _compare_and_join(self) -> None:
        self._other()
        before = self.current
        kind = self._compare_with()
        if kind == "many" and self.rng.random() < 0.5:
            # Asked from the side that has more, so that the difference is positive.
            self.words["h"], self.words["q"] = self.words["q"], self.words["h"]
            self._ask_for_more(self.current, before)
        else:
            self._ask_together(before, self.current)

    def _compare_and_merge(self) -> None:
        self._other()
        before = self.current
        self._compare_with()
        self._say("merge", "Then {q} gave all of these {i} to {h}.")
        self._node("+", before, self.current, "{h} then had {} {i}.")

    def _join(self) -> None:
        self._other()
        n = self._given(self._between(2, min(150, self.largest - self._value())))
        self._say("other", "{q} had {n} {i}.", n=n)
        self._ask_together(self.current, n)

    def _differ(self) -> None:
        self._other()
        n = self._given(self._between(2, self._value() - 2))
        self._say("other", "{q} had {n} {i}.", n=n)
        self._ask_for_more(self.current, n)

    def _split(self) -> None:
        self._containers()
        value = self._value()
        sizes = [k for k in range(2, 13) if value % k == 0 and value // k >= 2]
        k = self._given(self._choice(sizes))
        self._say("split", self.rng.choice(stories.SPLIT), n=k)
        self._node("/", self.current, k, "Each {b} held {} {i}.")
        self.asks = "each"
        self.split_into = int(amount(self._text(k)))

    def _take(self) -> None:
        self._other()
        n = self._given(self._between(2, self.split_into - 1))
        self._say("take", self.rng.choice(stories.TAKE), n=n)
        self._node("*", self.current, n, "{q} took {} {i}.")
        self.asks = "have"
        self._focus_on_other()

    def _sell(self) -> None:
        price = self._given(self._between(2, min(9, self.largest // self._value())))
        self._say("sell", self.rng.choice(stories.SELL), n=price)
        self._node("*", self.current, price, "{h} got {} dollars.")
        self.scene = stories.MONEY
        self.words["i"] = "dollars"
        self.asks = "money"

    # -- parts of moves ------------------------------------------------------------------------

    def _compare_with(self) -> str:
        kind = self.rng.choice(("more", "fewer", "many"))
        if kind == "many":
            w = self._multiplier()
            self._say("many", self.rng.choice(stories.MANY), w=w)
            self._node("*", self.current, w, "{q} had {} {i}.")
        elif kind == "more":
            n = self._given(self._between(2, min(60, self.largest - self._value())))
            self._say("more", self.rng.choice(stories.MORE), n=n)
            self._node("+", self.current, n, "{q} had {} {i}.")
        else:
            n = self._given(self._between(2, min(60, self._value() - 2)))
            self._say("fewer", self.rng.choice(stories.FEWER), n=n)
            self._node("-", self.current, n, "{q} had {} {i}.")
        return kind

    def _ask_together(self, left: str, right: str) -> None:
        self._say("join", self.rng.choice(stories.JOIN))
        self._node("+", left, right, "Together they had {} {i}.")
        self.asks = "together"

    def _ask_for_more(self, left: str, right: str) -> None:
        self.template.append("differ")
        self._node("-", left, right, "The difference was {} {i}.")
        self.asks = "more"

    def _focus_on_other(self) -> None:
        self.words["h"] = self.words.pop("q")

    def _other(self) -> None:
        if not self.holders:
            raise DeadEndError
        self.words["q"] = self.holders.pop()

    def _containers(self) -> None:
        self.words["b"], self.words["c"] = self.rng.choice(self.scene.containers)

    def _distract(self, sentence: str) -> None:
        words = {"p": self.rng.choice(stories.PEOPLE), "j": self.rng.choice(stories.OTHER_THINGS)}
        number = self._text(
            self._given(self._choice([n for n in range(2, 100) if n not in self.values]), used=False)
        )
        at = self.rng.randint(0, len(self.sentences))
        self.sentences.insert(at, sentence_of(sentence.format(n=number, **words)))
