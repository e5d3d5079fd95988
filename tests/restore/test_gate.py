import pytest
from firstfault.annotate.statistics import Ratio
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Finish, Solution
from firstfault.restore.config import Limits
from firstfault.restore.gate import (
    Gate,
    check_capability,
    check_recovery,
    check_text,
    read_gate,
    write_gate,
)
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits()


def solved(*results: bool, model: str = "m") -> list[Solution]:
    return [
        Solution(
            problem_id=f"p{number}",
            model=model,
            text="Answer: 1",
            steps=("Answer: 1",),
            answer="1",
            correct=right,
            finish=Finish.STOP,
        )
        for number, right in enumerate(results)
    ]


def first(right: int, of: int = 200) -> list[Solution]:
    return solved(*(number < right for number in range(of)))


def test_a_gain_that_is_certain_passes():
    check = check_recovery(first(200), first(150), first(190))
    assert check.passed
    assert check.said.startswith("recovery 0.80 (")


@pytest.mark.parametrize(("quantized", "restored"), [(150, 140), (150, 150), (197, 198)])
def test_harm_no_gain_and_a_gain_that_may_be_chance_are_rejected(quantized, restored):
    lost = solved(*(number >= 200 - quantized for number in range(200)))
    check = check_recovery(first(200), lost, first(restored))
    assert not check.passed


def test_where_nothing_was_lost_nothing_is_to_be_got_back():
    check = check_recovery(first(150), first(150), first(160))
    assert (check.passed, check.said) == (False, "quantization lost nothing there is to get back")


def test_the_second_set_may_lose_within_the_margin_only():
    kept = check_capability(first(180), first(180), LIMITS)
    assert kept.passed
    assert kept.said == "+0.0 points (+0.0 to +0.0) on 200 problems, must be above -2.0"
    assert not check_capability(first(180), first(170), LIMITS).passed
    assert check_capability(first(180), first(170), Limits(margin=0.2)).passed
    # Nine more and seven less: better by two, and chance reaches behind the margin all the same.
    worse = solved(*(7 <= number < 189 for number in range(200)))
    assert not check_capability(first(180), worse, LIMITS).passed


@given(st.integers(0, 200), st.integers(0, 200))
def test_nothing_certainly_worse_passes(before, after):
    if check_capability(first(before), first(after), LIMITS).passed:
        assert after >= before - 4


def test_the_second_set_is_solved_by_both():
    with pytest.raises(InputError, match="problem p3: solved by m but not by m"):
        check_capability(first(3, of=3), first(3, of=4), LIMITS)


def test_plain_text_may_get_harder_within_the_tolerance_only():
    assert check_text(Ratio(value=0.9, low=0.8, high=1.01), LIMITS).passed
    assert not check_text(Ratio(value=1.01, low=1.0, high=1.03), LIMITS).passed
    assert check_text(Ratio(value=1.01, low=1.0, high=1.03), Limits(tolerance=0.05)).passed


def test_every_failed_check_is_a_reason_and_survives_its_file(tmp_path):
    good, bad = check_recovery(first(9, 9), first(4, 9), first(9, 9)), check_recovery(*[first(9, 9)] * 3)
    assert Gate(checks=(good,)).rejected is None
    gate = Gate(checks=(good, bad, check_capability(first(9, 9), first(0, 9), LIMITS)))
    assert gate.rejected == (
        "held-out problems: quantization lost nothing there is to get back; "
        "second set: -100.0 points (-100.0 to -100.0) on 9 problems, must be above -2.0"
    )
    assert read_gate(tmp_path) is None
    write_gate(gate, tmp_path)
    assert read_gate(tmp_path) == gate
    (tmp_path / "gate.json").write_text("{}")
    with pytest.raises(InputError, match="not understood"):
        read_gate(tmp_path)
