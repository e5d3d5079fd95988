"""When a stated value counts as equal to a computed one."""

from fractions import Fraction

from .arithmetic import Value


def agree(left: Value, right: Value, *, approximate: bool = False, rounded: bool = False) -> bool:
    """Whether two values agree: exactly, or one being the other rounded or cut to its shown digits.

    Args:
        left: One side.
        right: The other side.
        approximate: Whether they are only said to be about equal: 2% of the larger are allowed.
        rounded: Whether a rounding is spoken of: zeros at the end of a whole number may be rounded.
    """
    gap = abs(left.number - right.number)
    if gap == 0:
        return True
    size = max(abs(left.number), abs(right.number))
    if not (left.exact and right.exact) and gap <= size / 1000:
        return True
    if approximate and gap <= size / 50:
        return True
    for shown, other in ((left, right), (right, left)):
        if rounded and shown.unit == 1 and gap < 10 ** _zeros(shown.number):
            return True
        if shown.unit is not None and gap < shown.unit and (other.number / shown.unit).denominator != 1:
            return True
    return False


def _zeros(number: Fraction) -> int:
    digits = str(number.numerator)
    return len(digits) - len(digits.rstrip("0"))


def converts(left: Value, right: Value, factors: frozenset[int]) -> bool:
    """Whether one value is the other in another unit."""
    if left.number == 0 or right.number == 0:
        return False
    ratio = abs(left.number / right.number)
    return ratio in factors or 1 / ratio in factors
