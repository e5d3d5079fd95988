"""Votes on one solution, for tests of what counts them."""

from firstfault.datasets.records import ErrorType, Verdict, VerdictStatus


def vote(judge, step=None, error_type=ErrorType.METHOD, status=VerdictStatus.FAULTY, **fields):
    return Verdict(
        solution_id="s",
        judge=judge,
        status=status,
        first_fault=step,
        error_type=error_type if status is VerdictStatus.FAULTY else None,
        **fields,
    )
