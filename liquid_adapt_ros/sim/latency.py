"""When a sensor measures, and when its measurement becomes available."""

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")

TIME_TOLERANCE_S = 1e-6  # simulated times are sums of steps: 0.05 may come as 0.04999999999999999


class SampleClock:
    """Says at which ticks a sensor of a fixed rate measures; keeps the rate on average.

    The k-th measurement is due at k / rate_hz and is taken at the first tick that is not earlier.
    """

    def __init__(self, rate_hz: float) -> None:
        if not rate_hz > 0.0:
            raise ValueError(f"rate_hz = {rate_hz}: must be positive")
        self._rate_hz = rate_hz
        self._next = 0

    def due(self, time_s: float) -> bool:
        """Whether to measure now; time_s must not go back. At most one measurement per call."""
        elapsed = (time_s + TIME_TOLERANCE_S) * self._rate_hz
        if elapsed < self._next:
            return False
        self._next = int(elapsed) + 1
        return True


class LatencyQueue(Generic[Item]):
    """Holds measurements until their latency has passed, and never reorders them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Item]] = deque()

    def push(self, item: Item, stamp_s: float, latency_s: float) -> None:
        """Take a measurement made at stamp_s; the latency may differ from the last one's."""
        available_s = stamp_s + latency_s
        if self._waiting:
            available_s = max(available_s, self._waiting[-1][0])
        self._waiting.append((available_s, item))

    def pop(self, time_s: float) -> Item | None:
        """The oldest measurement that is available at time_s, or None; one per call."""
        if not self._waiting or self._waiting[0][0] > time_s + TIME_TOLERANCE_S:
            return None
        return self._waiting.popleft()[1]
