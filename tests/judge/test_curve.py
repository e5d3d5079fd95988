import json

import pytest
from firstfault.datasets.errors import ConfigError
from firstfault.datasets.records import Verdict, VerdictStatus
from firstfault.judge.curve import Calibrated, Calibration, Curve, interpolate, read_calibration
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError


def curve(**changes):
    fields = {"judge": "a", "asked": "v1", "method": "isotonic", "stated": (0.5, 0.9), "right": (0.2, 0.6)}
    return Curve(**{**fields, "fitted_on": 100, **changes})


def test_a_curve_is_linear_between_knots_and_flat_beyond():
    found = curve()
    assert [found(one) for one in (0.0, 0.5, 0.7, 0.9, 1.0)] == pytest.approx([0.2, 0.2, 0.4, 0.6, 0.6])
    assert found.highest == 0.6


@given(
    knots=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
    ats=st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_a_curve_never_falls(knots, ats):
    x, y = sorted(one for one, _ in knots), sorted(one for _, one in knots)
    low, high = (interpolate(x, y, at) for at in sorted(ats))
    assert low <= high + 1e-12


@pytest.mark.parametrize(
    "changes", [{"stated": (0.9, 0.5)}, {"right": (0.1,)}, {"right": (0.1, 1.2)}, {"stated": ()}]
)
def test_what_is_no_curve_is_refused(changes):
    with pytest.raises(ValidationError):
        curve(**changes)


def test_a_calibrated_judge_changes_nothing_but_stated_confidence():
    class Two:
        name = "a"

        def judge(self, cases):
            yield Verdict(solution_id="s", judge="a", status=VerdictStatus.CLEAN, confidence=0.9)
            yield Verdict(solution_id="t", judge="a", status=VerdictStatus.UNSURE, reason="r")

    judge = Calibrated(Two(), curve())
    first, second = judge.judge([])
    assert (judge.name, first.confidence, first.status) == ("a", 0.6, VerdictStatus.CLEAN)
    assert second == list(Two().judge([]))[1]


def test_a_curve_is_found_by_judge_and_by_how_it_was_asked():
    kept = Calibration(curves=(curve(), curve(asked="v1, reference")))
    assert kept.of("a", "v1") is kept.curves[0]
    assert kept.of("a", "v2") is None
    assert kept.of("b", "v1") is None


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "calibration.json"
    kept = Calibration(curves=(curve(),), left_out={"b (v1)": "too few"}, seed=3)
    path.write_text(kept.model_dump_json())
    assert read_calibration(path) == kept


@pytest.mark.parametrize(
    "content", ["", "[]", '{"curves": 3}', json.dumps({"curves": [], "extra": 1}), '{"version": 2}']
)
def test_a_file_that_is_no_calibration_is_said_in_one_line(tmp_path, content):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match="not a calibration") as error:
        read_calibration(path)
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="no such file"):
        read_calibration(tmp_path / "other.json")
