from firstfault.datasets.funnel import Funnel
from firstfault.datasets.records import Verdict, VerdictStatus
from firstfault.datasets.silver_bullet import CurateConfig, choose
from firstfault.datasets.subsets import KINDS, PARTS, demonstration, make_parts, stepwise_row
from mined import pair_of, regressions

ITEMS = regressions(80)
CHOSEN = choose([pair_of(item) for item in ITEMS], CurateConfig(size=30), Funnel())
MADE = {(one.subset, one.part): one.rows for one in make_parts(*CHOSEN, ITEMS, 0.1)}


def test_every_subset_has_both_parts_and_rows_of_its_kind():
    assert set(MADE) == {(subset, part) for subset in KINDS for part in PARTS}
    for (subset, _), rows in MADE.items():
        assert rows
        assert all(type(row) is KINDS[subset] for row in rows)


def test_no_problem_is_in_both_parts_of_any_two_subsets():
    problems = {
        part: {row.problem_id for subset in ("preference", "sft", "verdicts") for row in MADE[subset, part]}
        for part in PARTS
    }
    assert not problems["train"] & problems["test"]
    questions = {part: {row.prompt for row in MADE["stepwise", part]} for part in PARTS}
    assert not questions["train"] & questions["test"]


def test_a_demonstration_is_the_whole_right_solution():
    pair = next(pair for pair in CHOSEN.train if pair.prefix)
    shown = demonstration(pair)
    assert shown.prompt + shown.completion == pair.prompt + pair.chosen
    assert shown.completion.startswith("Step 1:")
    assert shown.prompt.endswith("assistant\n")


def test_verdicts_hold_every_regression_and_say_which_became_pairs():
    rows = [*MADE["verdicts", "train"], *MADE["verdicts", "test"]]
    assert {row.solution_id for row in rows} == {item.solution.id for item in ITEMS}
    assert {row.pair_id for row in rows} - {None} == {pair.id for pair in (*CHOSEN.train, *CHOSEN.test)}


def test_steps_are_labelled_up_to_the_fault_and_no_further():
    def said(**fields) -> Verdict:
        return Verdict(solution_id="s", judge="j", **fields)

    row = stepwise_row("q", ("a", "b", "c"), said(status="faulty", first_fault=1))
    assert row is not None
    assert (row.completions, row.labels) == (("a", "b"), (True, False))
    clean = stepwise_row("q", ("a",), said(status=VerdictStatus.CLEAN))
    assert clean is not None
    assert clean.labels == (True,)
    assert stepwise_row("q", ("a",), said(status="unsure")) is None
    assert stepwise_row("q", ("a",), said(status="faulty", first_fault=1)) is None


def test_the_order_of_regressions_does_not_matter():
    assert make_parts(*CHOSEN, ITEMS[::-1], 0.1) == make_parts(*CHOSEN, ITEMS, 0.1)
