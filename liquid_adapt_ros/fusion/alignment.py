"""Time: which samples are acceptable, how old they are, when the next observation is due.

Instants are integer nanoseconds of one clock (the sensors' stamps and the node's clock).
"""

import math

NANOSECONDS = 1_000_000_000


class Stream:
    """The stamps of one sensor: refuses what can't be right and knows the age of the rest.

    Arguments:
        max_age_s: beyond this age the stream's newest sample isn't valid any more [s].
        future_tolerance_s: how far a stamp may lie ahead of the clock [s].
    """

    def __init__(self, max_age_s: float, future_tolerance_s: float) -> None:
        self.max_age_s = max_age_s
        self.future_tolerance_s = future_tolerance_s
        self._newest_ns: int | None = None

    def accept(self, stamp_ns: int, now_ns: int) -> bool:
        """Take a sample's stamp.

        Returns:
            True if the sample continues the stream; False if it starts it: the first one, or the
            first after a gap longer than max_age_s (filters then start afresh).

        Raises:
            ValueError: the stamp isn't later than the one before, or lies in the future.
        """
        if stamp_ns > now_ns + self.future_tolerance_s * NANOSECONDS:
            ahead_s = (stamp_ns - now_ns) / NANOSECONDS
            raise ValueError(f"stamp is {ahead_s:.3f} s in the future")
        previous_ns = self._newest_ns
        if previous_ns is not None and stamp_ns <= previous_ns:
            behind_s = (previous_ns - stamp_ns) / NANOSECONDS
            raise ValueError(f"stamp went back by {behind_s:.3f} s")
        self._newest_ns = stamp_ns
        return previous_ns is not None and stamp_ns - previous_ns <= self.max_age_s * NANOSECONDS

    def age_s(self, at_ns: int) -> float:
        """Age of the newest sample at an instant [s], at least 0; inf if there is none."""
        if self._newest_ns is None:
            return math.inf
        return max(0.0, (at_ns - self._newest_ns) / NANOSECONDS)

    def reset(self) -> None:
        """Forget every stamp (the clock was set back)."""
        self._newest_ns = None


class TickSchedule:
    """Says when an observation is due, so that they come at a fixed rate on joint stamps.

    Ticks lie on a grid of one period. A joint sample makes a tick if it comes later than half a
    period before the next grid point; drivers that jitter, or that run at another rate, thus
    still give the right mean rate. If no such sample comes within half a period after the grid
    point, the observation is overdue and the clock makes the tick. Ticks always increase.

    Arguments:
        rate_hz: ticks per second.
    """

    def __init__(self, rate_hz: float) -> None:
        self.period_ns = round(NANOSECONDS / rate_hz)
        self._grid_ns: int | None = None
        self._latest_ns: int | None = None

    def change_rate(self, rate_hz: float) -> None:
        """Tick at another rate from the newest tick on."""
        self.period_ns = round(NANOSECONDS / rate_hz)
        if self._latest_ns is not None:
            self._grid_ns = self._latest_ns + self.period_ns

    def is_due(self, stamp_ns: int) -> bool:
        """Whether the joint sample of this stamp makes a tick; advances the grid if so."""
        if self._grid_ns is None:
            return self._tick(stamp_ns, stamp_ns)
        if stamp_ns <= self._grid_ns - self.period_ns // 2 or stamp_ns <= self._latest_ns:
            return False
        return self._tick(stamp_ns, self._grid_ns)

    def is_overdue(self, now_ns: int) -> bool:
        """Whether the clock must make a tick now; advances the grid if so."""
        if self._grid_ns is None:
            return self._tick(now_ns, now_ns)
        if now_ns < self._grid_ns + self.period_ns // 2 or now_ns <= self._latest_ns:
            return False
        return self._tick(now_ns, self._grid_ns)

    def reset(self) -> None:
        """Start a new grid at the next tick (the clock was set back)."""
        self._grid_ns = self._latest_ns = None

    def _tick(self, at_ns: int, grid_ns: int) -> bool:
        # After a pause the grid starts again here instead of catching up.
        missed = at_ns - grid_ns > self.period_ns
        self._grid_ns = (at_ns if missed else grid_ns) + self.period_ns
        self._latest_ns = at_ns
        return True
