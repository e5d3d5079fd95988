from firstfault.judge.item import truth
from firstfault.judge.prm800k import flattened_item, is_flattened, is_prm800k, prm800k_item
from firstfault.judge.processbench import read_cases


def step(*ratings, chosen=0, human=None):
    """One entry of `label.steps`, as in the published files."""
    completions = [
        {"text": f"step {n}", "rating": rating, "flagged": False} for n, rating in enumerate(ratings)
    ]
    return {"completions": completions, "human_completion": human, "chosen_completion": chosen}


def row(*steps, finish="solution", **question):
    return {
        "labeler": "x",
        "question": {"problem": "How many?", "ground_truth_answer": "5", **question},
        "label": {"steps": list(steps), "total_time": 1, "finish_reason": finish},
    }


def test_the_first_bad_step_is_the_fault_and_a_neutral_one_is_none():
    found = prm800k_item(row(step(1), step(0), step(-1, chosen=None), finish="found_error"), 7)
    assert (found.id, found.label, found.case.problem.answer) == ("7", 2, "5")
    assert len(found.case.solution.steps) == 3


def test_a_solution_that_people_went_through_to_the_end_is_clean():
    assert prm800k_item(row(step(1), step(-1, 1, chosen=1)), 0).label == -1


def test_a_step_written_by_a_person_stands_for_what_the_model_offered():
    found = prm800k_item(row(step(-1, chosen=None, human={"text": "mine"}), step(1)), 0)
    assert (found.label, found.case.solution.steps[0]) == (-1, "mine")


def test_what_people_gave_up_has_no_label():
    for finish in ("give_up", "bad_problem", None):
        assert prm800k_item(row(step(1), finish=finish), 0).label is None


def test_steps_behind_the_fault_belong_to_the_solution():
    written = row(
        step(1), step(-1, chosen=None), finish="found_error", pre_generated_steps=["step 0", "step 0", "so 6"]
    )
    found = prm800k_item(written, 0)
    assert (found.label, found.case.solution.steps) == (1, ("step 0", "step 0", "so 6"))


def test_a_row_that_is_not_as_it_should_be_says_why():
    for broken, reason in (
        (row(), "label.steps"),
        (row(step(1), problem=None), "question.problem"),
        (row(step(chosen=None)), "label.steps.0"),
        (row("no step"), "label.steps.0"),
    ):
        found = prm800k_item(broken, 0)
        assert found.case is None
        assert reason in found.reason
    assert is_prm800k(row(step(1)))
    assert not is_prm800k({"problem": "q", "steps": []})


def test_a_flattened_step_is_a_label_where_it_is_bad_or_the_last():
    fields = {"instruction": "q", "responses": ["a"], "next_response": "b", "is_solution": False}
    labels = [flattened_item({**fields, "rating": rating}, 0).label for rating in (-1, 0, 1, None)]
    assert labels == [1, None, None, None]
    assert flattened_item({**fields, "rating": 1, "is_solution": True}, 0).label == -1
    assert is_flattened({**fields, "rating": 1})
    assert flattened_item({**fields, "responses": [3], "rating": 1}, 0).reason


def test_the_real_flattened_file_is_read_whole(data):
    items = read_cases(data / "prm800k-dev" / "phase1_test.jsonl")
    labels = [label for item in items if (label := truth(item)) is not None]
    assert len(items) == 5449
    assert all(item.case is not None for item in items)
    assert 0 < sum(label.first_fault is None for label in labels) < len(labels)
