"""What comes slowly is handed on in parts."""

from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest
from firstfault.service.work.pace import paced
from hypothesis import given
from hypothesis import strategies as st

LONG = 600.0


@given(st.lists(st.integers()), st.sampled_from([0.0, 1e-4, LONG]))
def test_all_comes_once_and_in_order(numbers: list[int], seconds: float):
    parts = list(paced(numbers, seconds))
    assert [one for part in parts for one in part] == numbers
    assert all(parts)


def test_what_has_come_is_not_kept_back_for_what_has_not():
    is_seen = Event()

    def source() -> Iterator[int]:
        yield 1
        assert is_seen.wait(60)
        yield 2

    parts = paced(source(), 0.01)
    assert next(parts) == [1]
    is_seen.set()
    assert list(parts) == [[2]]


def test_an_error_comes_after_all_that_was_before_it():
    def source() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("broken")

    parts = paced(source(), LONG)
    assert next(parts) == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(parts)


def test_who_leaves_ends_the_source():
    is_left, ends = Event(), []

    def source() -> Iterator[int]:
        try:
            yield 1
            assert is_left.wait(60)
            yield from range(1000)
        finally:
            ends.append("ended")

    with closing(paced(source(), 0.0)) as parts:
        assert next(parts) == [1]
        is_left.set()
    assert ends == ["ended"]
