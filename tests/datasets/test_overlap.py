from firstfault.datasets.overlap import remove_overlap
from firstfault.datasets.records import Problem

LONG = "Anna has three red apples and four green pears in her old basket at home and eats one."


def problem(question: str) -> Problem:
    return Problem(question=question, answer="1")


def test_the_same_question_in_other_dress_is_removed():
    overlap = remove_overlap([problem("How  many, APPLES?")], [problem("how many apples")])
    assert (overlap.kept, len(overlap.exact)) == ([], 1)


def test_thirteen_words_in_a_row_are_too_many_and_twelve_are_not():
    words = LONG.split()
    thirteen = problem("Once " + " ".join(words[:13]) + " indeed?")
    twelve = problem("Once " + " ".join(words[:12]) + " indeed?")
    overlap = remove_overlap([thirteen, twelve], [problem(LONG)])
    assert overlap.kept == [twelve]
    assert overlap.ngram == [thirteen.id]


def test_problems_without_overlap_stay_in_order():
    mining = [problem(f"Question number {n}?") for n in range(5)]
    assert remove_overlap(mining, [problem(LONG)]).kept == mining
