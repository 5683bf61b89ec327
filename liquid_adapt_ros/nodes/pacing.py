"""Keeping simulated time in step with real time, on absolute deadlines."""

from collections import deque

# Ticks made up for in one go: more would keep commands waiting.
MAX_TICKS_AT_ONCE = 3
# A simulation that has fallen further behind than this gives up the time lost [s].
MAX_BACKLOG_S = 0.25
# A tick that starts later than this share of its period is late.
LATE_SHARE = 0.5
# The achieved real-time factor is that of the last so many seconds.
_FACTOR_SPAN_S = 2.0


class Pacer:
    """Says how many ticks are due. Deadlines lie on a grid, so that delays don't add up.

    Args:
        period_s: simulated time of a tick.
        real_time_factor: simulated over real time aimed for.
        now_s: steady clock now [s]; the first tick is due one period later.
    """

    def __init__(self, period_s: float, real_time_factor: float, now_s: float) -> None:
        self.late_ticks = 0
        self._real_period_s = period_s / real_time_factor
        self._period_s = period_s
        self._origin_s = now_s
        self._ticks = 0
        self._recent: deque[tuple[float, int]] = deque([(now_s, 0)])

    def due(self, now_s: float) -> int:
        """Number of ticks to run now, at most MAX_TICKS_AT_ONCE; counts those that are late."""
        behind_s = now_s - (self._origin_s + (self._ticks + 1) * self._real_period_s)
        if behind_s < 0.0:
            return 0
        missed = int(behind_s / self._real_period_s)
        count = min(1 + missed, MAX_TICKS_AT_ONCE)
        if behind_s > MAX_BACKLOG_S:
            # Whole periods: the deadlines stay in phase with the timer that calls.
            self._origin_s += missed * self._real_period_s
            count = 1
        late_s = LATE_SHARE * self._real_period_s
        self.late_ticks += sum(behind_s - i * self._real_period_s > late_s for i in range(count))
        self._ticks += count
        self._remember(now_s)
        return count

    def real_time_factor(self) -> float:
        """Simulated over real time, achieved over the last seconds; 0 before the second tick."""
        (first_s, first_ticks), (last_s, last_ticks) = self._recent[0], self._recent[-1]
        if last_s <= first_s:
            return 0.0
        return (last_ticks - first_ticks) * self._period_s / (last_s - first_s)

    def _remember(self, now_s: float) -> None:
        self._recent.append((now_s, self._ticks))
        while now_s - self._recent[0][0] > _FACTOR_SPAN_S:
            self._recent.popleft()
