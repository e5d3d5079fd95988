from pathlib import Path

import pytest
from firstfault.annotate.argilla.people import Pseudonyms
from firstfault.annotate.argilla.pull import SUBMITTED, Answer, make_reviews
from firstfault.annotate.argilla.sampling import Sampled
from firstfault.datasets.records import Drawn, ErrorType, Verdict, VerdictStatus

SUGGESTED = Verdict(
    solution_id="s",
    judge="panel",
    status=VerdictStatus.FAULTY,
    first_fault=1,
    error_type=ErrorType.EXECUTION,
)


@pytest.mark.parametrize(
    ("suggestion", "kind", "is_refused"),
    [
        # Picked beforehand, and left so by who only changed the step.
        (SUGGESTED, "execution", False),
        (SUGGESTED, "method", True),
        (None, "execution", True),
    ],
)
def test_no_faulty_step_with_a_kind_is_refused_unless_the_kind_was_there_before(
    tmp_path: Path, suggestion: Verdict | None, kind: str, is_refused: bool
):
    values = {"first_faulty_step": "none", "error_kind": kind}
    answer = Answer("s", "ann", SUBMITTED, values, "2026-11-22T10:00:00", "2026-11-22T10:00:00")
    sampled = Sampled(solution_id="s", steps=3, drawn=Drawn.RANDOM, suggestion=suggestion)
    pulled = make_reviews(iter([("s", [answer])]), {"s": sampled}, Pseudonyms(tmp_path / "people.json"))
    assert bool(pulled.refused) is is_refused
    assert [one.status for one in pulled.reviews] == ([] if is_refused else [VerdictStatus.CLEAN])
    assert not any(one.error_type for one in pulled.reviews)
