"""What the parts of the MJCF share: who sees a geom, who touches it, how numbers are written."""

from collections.abc import Iterable

# What the camera sees, and what is a contact shape only.
VISIBLE_GROUP = 0
COLLISION_GROUP = 3

# Contact bits: a pair touches when one's type meets the other's affinity.
FLOOR, BELT, OBJECT, TOOL = 1, 2, 4, 8


def exact_numbers(values: Iterable[float]) -> str:
    """Numbers that MJCF is to take over to the last bit."""
    return " ".join(repr(float(value)) for value in values)


def numbers(values: Iterable[float]) -> str:
    """Numbers that were calculated, with nine digits: free of what rounding left of a zero."""
    return " ".join(f"{value:.9g}" for value in values)
