from firstfault.datasets.records import Solution
from firstfault.loop.aligned import aligned_rows


def solution(*steps, text=""):
    return Solution(problem_id="p", model="m", text=text, steps=steps)


def test_steps_that_answer_each_other_stand_side_by_side():
    full = solution("Step 1: He had 2 + 3 = 5.", "Step 2: They lost 5 - 1 = 4.", "Answer: 4")
    variant = solution("Step 1: He had 2 + 3 = 5.", "Step 2: They lost 5 - 1 = 3.", "Answer: 3")
    rows = aligned_rows(full, variant, 1)
    assert [(row.full_precision.number, row.quantized.number) for row in rows] == [(1, 1), (2, 2), (3, 3)]
    assert [row.quantized.state for row in rows] == ["fine", "fault", "after"]
    assert [row.parts for row in rows] == [False, True, False]
    assert rows[0].quantized.text == "He had 2 + 3 = 5."


def test_a_step_without_an_answer_stands_alone():
    rows = aligned_rows(solution("He had 2 + 3 = 5.", "Zebra 77."), solution("He had 2 + 3 = 5."))
    assert [(row.full_precision is None, row.quantized is None) for row in rows] == [
        (False, False),
        (False, True),
    ]
    assert [row.parts for row in rows] == [False, True]


def test_a_loop_of_a_thousand_steps_shows_its_start_and_its_fault():
    full = solution("Step 1: Take 5 * 4 = 20.", "Answer: 20")
    loop = solution(*(f"Step {k}: again and again {k}" for k in range(1, 1001)))
    rows = aligned_rows(full, loop, 700)
    assert [row.quantized.number for row in rows if row.quantized and row.quantized.state == "fault"] == [701]
    assert len(rows) < 40
    assert sum(row.left_out for row in rows) + sum(not row.left_out for row in rows) >= 1000
    assert sum(row.left_out > 0 for row in rows) == 2


def test_a_text_that_was_not_split_is_one_step():
    [row] = aligned_rows(solution(text="all of it"), solution(text="all of it"))
    assert row.full_precision == row.quantized
    assert not row.parts
