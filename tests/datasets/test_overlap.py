import json
import random
from pathlib import Path

import pytest
from firstfault.datasets.abacus import generate, program_of
from firstfault.datasets.overlap import References, numbers_in, remove_overlap, unlike
from firstfault.datasets.problem_sets import load_problems
from firstfault.datasets.records import Pair, Problem, Split
from hypothesis import given
from hypothesis import strategies as st

LONG = "Anna has three red apples and four green pears in her old basket at home and eats one."
HERE = Path(__file__).parent
DATA = HERE.resolve().parents[1].parent / "shared" / "data"
REWORDED = [
    json.loads(line) for line in (HERE / "data" / "reworded_gsm8k.jsonl").read_text("utf-8").splitlines()
]


def problem(question: str) -> Problem:
    return Problem(question=question, answer="1")


def retold(held_out: Problem, rng: random.Random) -> Problem:
    """Tell an abacus problem anew: other people, other things, other sentences, the same numbers."""
    program = program_of(held_out)
    name, thing = rng.choice(["Priya", "Mr. Okafor", "A diver"]), rng.choice(["shells", "bolts", "coins"])
    told = {
        "+": "to which {} are added",
        "-": "of which {} are taken off",
        "*": "of which there turn out to be {} times the number",
        "/": "which are put into {} equal parts",
        "of": "of which only {} count",
    }
    used = iter([given.text for given in program.givens if given.used])
    parts = [f"{name} owns a pile of {next(used)} {thing}"]
    operations = [node.op for node in program.nodes]
    parts += [told[operations[min(n, len(operations) - 1)]].format(text) for n, text in enumerate(used)]
    asides = [f"Somebody nearby mentions {given.text}." for given in program.givens if not given.used]
    rng.shuffle(asides)
    return problem(" ".join([*asides, ", ".join(parts) + f". Work out the {thing} there are now."]))


def test_the_same_question_in_other_dress_is_removed():
    overlap = remove_overlap([problem("How  many, APPLES?")], [problem("how many apples")])
    assert (overlap.kept, len(overlap.exact)) == ([], 1)


def test_thirteen_words_in_a_row_are_too_many_and_twelve_are_not():
    words = LONG.split()
    thirteen = problem("Once " + " ".join(words[:13]) + " indeed?")
    twelve = problem("Once 55 " + " ".join(words[:12]) + " indeed?")
    overlap = remove_overlap([thirteen, twelve], [problem(LONG)])
    assert overlap.kept == [twelve]
    assert overlap.ngram == [thirteen.id]


def test_problems_without_overlap_stay_in_order():
    mining = [problem(f"Question number {n}?") for n in range(5)]
    assert remove_overlap(mining, [problem(LONG)]).kept == mining


def test_planted_contamination_of_templated_problems_is_found():
    held_out = generate(Split.HELD_OUT, 600)
    rng = random.Random(0)
    reworded = [retold(one, rng) for one in rng.sample(held_out, 50)]
    exact = [problem(one.question.upper()) for one in rng.sample(held_out, 50)]
    overlap = remove_overlap([*reworded, *exact], held_out)
    assert {one.id for one in exact} == set(overlap.exact)
    assert not set(overlap.ngram)
    assert len(set(overlap.reworded) & {one.id for one in reworded}) >= 45


def test_clean_templated_problems_are_not_taken_for_held_out_ones_in_other_words():
    references = References(generate(Split.HELD_OUT, 600))
    found = [references.overlap(one.question) for one in generate(Split.MINING, 3000, seed=5)]
    assert found.count("exact") == 0
    assert found.count("reworded") <= 3


def test_hand_reworded_problems_are_found_among_many():
    references = References([*generate(Split.HELD_OUT, 600), *(problem(row["original"]) for row in REWORDED)])
    found = [references.overlap(row["reworded"]) for row in REWORDED]
    assert set(found) <= {"reworded", None}
    assert found.count("reworded") >= 0.9 * len(REWORDED)


@pytest.mark.skipif(not (DATA / "gsm8k").is_dir(), reason=f"no GSM8K at {DATA}")
def test_gsm8k_is_kept_clear_of_its_test_set_without_losing_much():
    references = References(load_problems(DATA / "gsm8k" / "test.jsonl"))
    assert sum(references.overlap(row["reworded"]) is not None for row in REWORDED) >= 18
    assert all(references.overlap(row["original"]) == "exact" for row in REWORDED)
    train = load_problems(DATA / "gsm8k" / "train.jsonl")
    lost = sum(references.overlap(one.question) == "reworded" for one in train)
    assert lost <= 0.01 * len(train)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Twenty-one of 1,000 and a dozen", ("1000", "12", "21")),
        ("half of $3.50, three quarters, two-thirds and a third", ("1/2", "1/3", "2/3", "3.5", "3/4")),
        (r"\frac{3}{4} of \dfrac12 and 03", ("1/2", "3", "3/4")),
        ("one of the two has twice as many", ()),
        ("5 five 5.0", ("5",)),
    ],
)
def test_numbers_are_read_however_they_are_written(text, numbers):
    assert numbers_in(text) == numbers


@given(st.lists(st.integers(3, 10**6), max_size=8))
def test_every_plain_number_is_read(numbers):
    assert set(numbers_in(" and ".join(map(str, numbers)))) == {str(number) for number in numbers}


@given(st.text(max_size=200))
def test_no_text_stops_the_reading(text):
    numbers_in(text)
    References([problem(text or "x")]).overlap(text)


def test_what_pairs_were_made_of_is_not_measured_on():
    mined = generate(Split.MINING, 6, seed=1)
    pairs = [
        Pair(
            prompt=f"<|im_start|>user\n{one.question}<|im_end|>\n<|im_start|>assistant\nStep 1: 1 + 1 = 2\n",
            prefix="Step 1: 1 + 1 = 2\n",
            chosen="Answer: 2",
            rejected="Answer: 3",
            problem_id=one.id,
            solution_id=f"s{number}",
            model="rtn",
            step=1,
            steps=2,
        )
        for number, one in enumerate(mined[:3])
    ]
    again = mined[1].model_copy(update={"id": "another"})
    other = retold(mined[2], random.Random(1))
    assert unlike([*mined, again, other], pairs) == mined[3:]
    assert unlike(mined, []) == mined
