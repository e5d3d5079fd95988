"""What the bundled model learns from, lesson by lesson: problems, bare equations, sentences to copy."""

from fractions import Fraction
from itertools import islice
from math import inf
from random import Random
from typing import Any, NamedTuple

from transformers import Qwen2Tokenizer

from ..datasets import stories
from ..datasets.abacus import LARGEST, LEVELS, stream_problems
from ..datasets.program import amount
from ..datasets.records import Split
from .tokenizer import EOS, solution_text, spell

CHUNK = 2048  # problems generated, sorted by length and batched together; a run resumes at a chunk's start


class Lesson(NamedTuple):
    """What a chunk holds."""

    until: float
    """The first chunk that is another lesson."""
    longest: int = LEVELS[-1]
    """Steps of its longest problems."""
    distractors: int = 2
    drills: int = 512
    """Rows of bare equations."""
    copies: int = 0
    """Rows of random sentences to quote."""


CURRICULUM = (
    Lesson(1, longest=3, distractors=0, drills=1024, copies=768),
    Lesson(2, longest=3, drills=1024, copies=512),
    Lesson(4, longest=5, drills=1024, copies=256),
    Lesson(7, drills=640, copies=128),
    Lesson(30, drills=2048, copies=128),
    Lesson(inf, copies=64),
)
EQUATIONS = 24  # per row


def lesson_of(chunk: int) -> Lesson:
    """What a chunk is to hold."""
    return next(lesson for lesson in CURRICULUM if chunk < lesson.until)


Row = tuple[list[int], list[int]]  # token ids, labels (-100 where there is no loss)


def rows_of_chunk(tokenizer: Qwen2Tokenizer, chunk: int) -> list[Row]:
    """Tokenized examples of one chunk, a pure function of its number."""
    template: Any = tokenizer  # its stubs leave most types open
    prompts, answers = list[str](), list[str]()
    lesson = lesson_of(chunk)
    levels = tuple(level for level in LEVELS if level <= lesson.longest)
    problems = stream_problems(Split.TRAIN, seed=chunk, levels=levels, distractors=lesson.distractors)
    for problem in islice(problems, CHUNK):
        turn = [{"role": "user", "content": problem.question}]
        prompts.append(template.apply_chat_template(turn, add_generation_prompt=True, tokenize=False))
        answers.append(solution_text(problem) + EOS)
    rows = [
        (asked + given, [-100] * len(asked) + given)
        for asked, given in zip(spell(tokenizer, prompts), spell(tokenizer, answers), strict=True)
    ]
    return [
        *rows,
        *drill_rows(tokenizer, Random(f"drills:{chunk}"), lesson.drills),
        *copy_rows(tokenizer, Random(f"copies:{chunk}"), lesson.copies),
    ]


def drill_rows(tokenizer: Qwen2Tokenizer, rng: Random, count: int) -> list[Row]:
    """Rows of equations such as abacus' steps hold, the loss on their results only.

    A problem holds about 40 tokens per equation and a row of drills 6: arithmetic is what takes the most
    examples to learn.
    """
    drills = [drill(rng) for _ in range(count * EQUATIONS)]
    asked = spell(tokenizer, [f" {expression} =" for expression, _ in drills])
    given = spell(tokenizer, [f" {result}\n" for _, result in drills])
    start = spell(tokenizer, ["<|im_start|>assistant\n"])[0]
    rows = list[Row]()
    for first in range(0, len(drills), EQUATIONS):
        ids, labels = list(start), [-100] * len(start)
        for index in range(first, first + EQUATIONS):
            ids += asked[index] + given[index]
            labels += [-100] * len(asked[index]) + given[index]
        rows.append((ids, labels))
    return rows


def copy_rows(tokenizer: Qwen2Tokenizer, rng: Random, count: int) -> list[Row]:
    """Stories of random words, and steps that quote them sentence by sentence, the loss on the quotes only.

    Where a quote goes on is what is hardest to learn: between two of them stands an equation. In random
    words nothing else can be learned, and every word of a quote teaches it.
    """
    vocabulary = tokenizer.get_vocab()
    words = sorted(index for token, index in vocabulary.items() if token[0] == "Ġ" and token[1:].isalpha())
    numbers = [vocabulary[f" {number}"] for number in range(2, 100)]
    opening, turn, stop, equals, colon, end = spell(
        tokenizer, ["<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", ".", " =", ":", ".\n"]
    )
    signs = [spell(tokenizer, [sign])[0] for sign in (" +", " -", " *", " /")]
    rows = list[Row]()
    for _ in range(count):
        # Few words a row, so that a word alone doesn't tell its sentence.
        pool = rng.sample(words, rng.randint(6, 40))
        sentences = [
            [*rng.choices(pool, k=rng.randint(1, 6)), number, *rng.choices(pool, k=rng.randint(1, 4)), *stop]
            for number in rng.sample(numbers, rng.randint(2, 8))
        ]
        ids = [*opening, *(token for sentence in sentences for token in sentence), *turn]
        labels = [-100] * len(ids)
        told = step = 0
        while told < len(sentences):
            step += 1
            quoted = sentences[told : told + rng.choice((0, 1, 1, 1, 2))]
            told += len(quoted)
            number = next((token for token in reversed(quoted[-1]) if token in numbers), 0) if quoted else 0
            heading = [vocabulary["Step"], vocabulary[f" {step}"], *colon]
            quote = [token for sentence in quoted for token in sentence]
            own = [
                *rng.choices(pool, k=2), rng.choice(numbers), *rng.choice(signs),
                number or rng.choice(numbers), *equals, rng.choice(numbers), rng.choice(pool), *end,
            ]  # fmt: skip
            ids += heading + quote + own
            labels += [-100] * len(heading) + quote + [-100] * len(own)
        rows.append((ids, labels))
    return rows


def drill(rng: Random) -> tuple[str, int]:
    """One expression with a whole result, within abacus' limits."""
    while True:
        op = rng.choice("++---**/o")
        if op == "+":
            left, right = rng.randint(2, LARGEST - 2), rng.randint(2, 150)
            result = left + right
        elif op == "-":
            left, right = rng.randint(4, LARGEST), rng.randint(2, 150)
            result = left - right
        elif op == "*":
            left, right = rng.randint(2, 14), rng.randint(2, 150)
            if rng.random() < 0.5:
                left, right = right, left
            result = left * right
        elif op == "/":
            result, right = rng.randint(2, 150), rng.randint(2, 12)
            left = result * right
        else:
            share = rng.choice(list(stories.SHARE_WORDS))
            part = Fraction(1, amount(share).denominator)
            right = rng.randint(2, LARGEST // part.denominator) * part.denominator
            if right <= LARGEST:
                return f"{share} of {right}", int(amount(share) * right)
            continue
        if 2 <= result <= LARGEST and left <= LARGEST:
            return f"{left} {op} {right}", result
