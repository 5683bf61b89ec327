"""Colour and depth pictures of the same instant, brought together by their stamps."""

from collections import deque
from typing import Generic, TypeVar

from liquid_adapt_ros.fusion.alignment import NANOSECONDS

First = TypeVar("First")
Second = TypeVar("Second")

# Pictures kept while their partner is on its way.
DEPTH = 4


class StampPairs(Generic[First, Second]):
    """Matches two streams of pictures; whichever comes second completes the pair.

    Each picture is used at most once. One that waited in vain, because a later pair was complete
    or the queue was full, is dropped and counted.

    Arguments:
        tolerance_s: largest difference of the two stamps [s].
    """

    def __init__(self, tolerance_s: float) -> None:
        self.tolerance_s = tolerance_s
        self._waiting: tuple[deque, deque] = (deque(), deque())
        self._unmatched = 0

    def add_first(self, stamp_ns: int, item: First) -> tuple[int, First, Second] | None:
        """Add an item of the first stream; returns (its stamp, first, second) if paired."""
        partner = self._match(stamp_ns, item, own=0)
        return None if partner is None else (stamp_ns, item, partner[1])

    def add_second(self, stamp_ns: int, item: Second) -> tuple[int, First, Second] | None:
        """Add an item of the second stream; returns (the first's stamp, first, second)."""
        partner = self._match(stamp_ns, item, own=1)
        return None if partner is None else (partner[0], partner[1], item)

    def take_unmatched(self) -> int:
        """How many items were dropped without a partner since the last call."""
        count, self._unmatched = self._unmatched, 0
        return count

    def reset(self) -> None:
        """Forget what waits."""
        for queue in self._waiting:
            queue.clear()

    def _match(self, stamp_ns: int, item: First | Second, own: int) -> tuple | None:
        mine, others = self._waiting[own], self._waiting[1 - own]
        best = min(others, key=lambda other: abs(other[0] - stamp_ns), default=None)
        if best is None or abs(best[0] - stamp_ns) > self.tolerance_s * NANOSECONDS:
            mine.append((stamp_ns, item))
            if len(mine) > DEPTH:
                mine.popleft()
                self._unmatched += 1
            return None
        self._unmatched += self._drop(others, best[0]) - 1 + self._drop(mine, stamp_ns)
        return best

    @staticmethod
    def _drop(queue: deque, until_ns: int) -> int:
        dropped = 0
        while queue and queue[0][0] <= until_ns:
            queue.popleft()
            dropped += 1
        return dropped
