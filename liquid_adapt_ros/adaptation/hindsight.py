"""Hindsight labels: where the target was observed one horizon after a sample.

A sample at t is labelled with the observed position at t + horizon, interpolated between the two
detections that bracket it, and only if one and the same object was observed without a break from
shortly before t to the detection after t + horizon. The target changes whenever an object is
picked or leaves; a label across such a change would teach a jump that no dynamics makes. "Shortly
before", because the picture in a sample is some 10 ms old: what became the target after the
picture was taken can't be known from it.

Detections carry no identity, so a change shows as a break of the track: a time without
detections, or a jump further than an object can move (objects enter the belt at least 0.45 m
apart, a detection interval on a belt of 0.5 m/s moves one by 0.025 m).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.window import NANOSECONDS


@dataclass(frozen=True)
class TrackLimits:
    """What one object can do between two detections; beyond it, it is another object.

    Attributes:
        max_gap_s: longest time between two detections of one track [s].
        max_speed_m_s: highest speed of an object in the base frame, the robot's own motion
            included [m/s].
        jump_margin_m: what detector noise adds to the distance of two detections [m].
        seen_before_s: how long before a sample its object must have been observed already; the
            age that the picture in a sample can have [s].
    """

    max_gap_s: float = 0.15
    max_speed_m_s: float = 1.0
    jump_margin_m: float = 0.05
    seen_before_s: float = 0.1


@dataclass(frozen=True)
class HindsightLabels:
    """Labels of N samples.

    Attributes:
        position: (N, 3) observed position one horizon after each sample, in the base frame of
            that later instant [m]; NaN where not known.
        known: (N,) whether the sample has a label.
    """

    position: NDArray[np.float64]
    known: NDArray[np.bool_]


class ObjectTrack:
    """Detections of the target, cut into tracks of one object each.

    Args:
        limits: what one object can do between two detections.
        history_s: how long detections are kept [s]; window plus horizon plus detector latency.
    """

    def __init__(self, limits: TrackLimits, history_s: float):
        self.limits = limits
        self._history_ns = round(history_s * NANOSECONDS)
        self._stamps_ns: deque[int] = deque()
        self._positions: deque[NDArray[np.float64]] = deque()
        self._tracks: deque[int] = deque()

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest detection [ns], None before the first."""
        return self._stamps_ns[-1] if self._stamps_ns else None

    def observe(self, stamp_ns: int, position: ArrayLike) -> None:
        """Take a detection: `position` (3,) in the base frame at `stamp_ns` [m].

        Raises:
            ValueError: the position is not three finite numbers, or the stamp is not later
                than the newest one.
        """
        point = np.asarray(position, np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise ValueError(f"a detection needs three finite coordinates, got {position}")
        if self._stamps_ns and stamp_ns <= self._stamps_ns[-1]:
            raise ValueError(
                f"detection at {stamp_ns} ns is not later than the one at {self._stamps_ns[-1]} ns"
            )
        track = self._continued_track(stamp_ns, point)
        self._stamps_ns.append(stamp_ns)
        self._positions.append(point)
        self._tracks.append(track)
        while stamp_ns - self._stamps_ns[0] > self._history_ns:
            for column in (self._stamps_ns, self._positions, self._tracks):
                column.popleft()

    def labels(self, stamps_ns: ArrayLike, horizon_s: float) -> HindsightLabels:
        """Labels for samples at `stamps_ns` (N,) one `horizon_s` ahead."""
        now = np.asarray(stamps_ns, np.int64)
        then = now + round(horizon_s * NANOSECONDS)
        position = np.full((len(now), 3), np.nan)
        known = np.zeros(len(now), np.bool_)
        if not self._stamps_ns:
            return HindsightLabels(position, known)
        stamps = np.array(self._stamps_ns, np.int64)
        tracks = np.array(self._tracks)
        seen = now - round(self.limits.seen_before_s * NANOSECONDS)
        before = np.searchsorted(stamps, seen, "right") - 1
        after = np.searchsorted(stamps, then, "left")
        known = (before >= 0) & (after < len(stamps))
        # Track numbers only rise: equal at both ends means equal in between.
        known[known] = tracks[before[known]] == tracks[after[known]]
        position[known] = self._interpolate(stamps, then[known], after[known])
        return HindsightLabels(position, known)

    def clear(self) -> None:
        """Forget every detection."""
        for column in (self._stamps_ns, self._positions, self._tracks):
            column.clear()

    def _continued_track(self, stamp_ns: int, point: NDArray[np.float64]) -> int:
        if not self._stamps_ns:
            return 0
        elapsed_s = (stamp_ns - self._stamps_ns[-1]) / NANOSECONDS
        distance_m = float(np.linalg.norm(point - self._positions[-1]))
        reach_m = self.limits.max_speed_m_s * elapsed_s + self.limits.jump_margin_m
        same = elapsed_s <= self.limits.max_gap_s and distance_m <= reach_m
        return self._tracks[-1] if same else self._tracks[-1] + 1

    def _interpolate(
        self, stamps: NDArray[np.int64], then: NDArray[np.int64], after: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        positions = np.array(self._positions)
        before = np.searchsorted(stamps, then, "right") - 1
        span = np.maximum(stamps[after] - stamps[before], 1)
        share = ((then - stamps[before]) / span)[:, None]
        return (1.0 - share) * positions[before] + share * positions[after]
