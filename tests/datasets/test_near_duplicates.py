import os
import random
import subprocess
import sys

from firstfault.datasets.near_duplicates import first_of_each, near_duplicates

WORDS = [f"word{n}" for n in range(500)]


def text(seed: int, length: int = 200) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def test_of_texts_that_are_alike_the_first_stays():
    base = text(1)
    changed = [*base[:100], "other", *base[101:]]
    assert near_duplicates([" ".join(words) for words in (base, text(2), changed, base)]) == {2, 3}


def test_texts_that_share_half_of_their_words_in_order_stay():
    base = text(3)
    half = [*base[:100], *text(4)[:100]]
    assert near_duplicates([" ".join(base), " ".join(half)]) == set()


def test_short_and_empty_texts_are_compared_too():
    assert near_duplicates(["a b c", "A, b c!", "a b d", "", "..."]) == {1, 4}


def test_every_process_finds_the_same():
    # Python salts its own hashes per process.
    script = (
        "import random; from firstfault.datasets.near_duplicates import near_duplicates; "
        "rng = random.Random(0); base = [rng.choices('abcdefgh', k=60) for _ in range(30)]; "
        "ends = [rng.choices('abcdefgh', k=10 * (n % 2)) for n in range(90)]; "
        "texts = [' '.join(b[:50] + end) for b, end in zip(base * 3, ends)]; "
        "print(sorted(near_duplicates(texts)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }
    assert len(found) == 1
    assert found.pop().strip() != "[]"


def test_repeats_are_told_from_firsts():
    assert first_of_each(["a", "b", "a", "a"]) == {2, 3}
