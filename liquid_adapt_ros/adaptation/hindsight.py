"""Hindsight labels: where the target was observed one horizon after a sample.

A sample at t is labelled with the observed position at t + horizon, interpolated between the two
detections that bracket it, and only if one and the same object was observed without a break from
shortly before t to the detection after t + horizon. The target changes whenever an object is
picked or leaves; a label across such a change would teach a jump that no dynamics makes. "Shortly
before", because the picture in a sample is some 10 ms old: what became the target after the
picture was taken can't be known from it.

Detections carry no identity, and a detector errs. A detection that breaks with the track (further
off than an object can move) is a suspect: if the next one goes on where the track was, the suspect
was an outlier and is forgotten; if the next one goes on from the suspect, a new object is tracked
from there. A detector that repeats the position of a moving object to the last bit is stuck.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS

# An object is moving from this speed on, whatever the detector's noise.
_STUCK_SPEED_M_S = 0.03


@dataclass(frozen=True)
class TrackLimits:
    """What one object can do between two detections; beyond it, it is another object.

    Attributes:
        max_gap_s: longest time between two detections of one track [s].
        max_speed_m_s: highest speed of an object in the base frame, the robot's own motion
            included [m/s].
        jump_margin_m: what detector noise adds to that, and how far an object that has been
            followed for `velocity_span_s` can be from where its velocity takes it [m].
        velocity_span_s: time over which an object's velocity is measured [s].
        seen_before_s: how long before a sample its object must have been observed already; the
            age that the picture in a sample can have [s].
    """

    max_gap_s: float = 0.15
    max_speed_m_s: float = 0.6
    jump_margin_m: float = 0.02
    velocity_span_s: float = 0.25
    seen_before_s: float = 0.1


@dataclass(frozen=True)
class HindsightLabels:
    """Labels of N samples.

    Attributes:
        position: (N, 3) observed position one horizon after each sample, in the base frame of
            that later instant [m]; NaN where not known.
        known: (N,) whether the sample has a label.
        track: (N,) number of the object that it is of; it only rises.
    """

    position: NDArray[np.float64]
    known: NDArray[np.bool_]
    track: NDArray[np.int64]


@dataclass(frozen=True)
class Followed:
    """An object that is being followed.

    Attributes:
        track: number of its track.
        begun_ns: stamp of the first detection of it that is kept [ns].
        stamps_ns, positions: (D,), (D, 3) its newest detections, in the base frame of their
            instants [m].
    """

    track: int
    begun_ns: int
    stamps_ns: NDArray[np.int64]
    positions: NDArray[np.float64]


@dataclass(frozen=True)
class _Detection:
    stamp_ns: int
    position: NDArray[np.float64]
    track: int


class ObjectTrack:
    """Detections of the target, cut into tracks of one object each.

    Args:
        limits: what one object can do between two detections.
        history_s: how long detections are kept [s]; window plus horizon plus detector latency.
    """

    def __init__(self, limits: TrackLimits, history_s: float):
        self.limits = limits
        self._history_ns = round(history_s * NANOSECONDS)
        self.clear()

    @property
    def settled_ns(self) -> int:
        """Up to when it is decided what was observed [ns]; the newest detection may be suspect."""
        return self._kept[-1].stamp_ns if self._kept else -NANOSECONDS

    def observe(self, stamp_ns: int, position: ArrayLike) -> None:
        """Take a detection: `position` (3,) in the base frame at `stamp_ns` [m].

        Raises:
            ValueError: the position is not three finite numbers, or the stamp is not later
                than the newest one.
        """
        point = np.asarray(position, np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise ValueError(f"a detection needs three finite coordinates, got {position}")
        if self._newest_ns is not None and stamp_ns <= self._newest_ns:
            raise ValueError(
                f"detection at {stamp_ns} ns is not later than the one at {self._newest_ns} ns"
            )
        self._newest_ns = stamp_ns
        repeated = self._last_point is not None and bool((point == self._last_point).all())
        self._last_point = point
        moving = self._speed_m_s() > _STUCK_SPEED_M_S
        if not (repeated and moving):
            self._place(stamp_ns, point)

    def labels(self, stamps_ns: ArrayLike, horizon_s: float) -> HindsightLabels:
        """Labels for samples at `stamps_ns` (N,) one `horizon_s` ahead."""
        now = np.asarray(stamps_ns, np.int64)
        then = now + round(horizon_s * NANOSECONDS)
        position = np.full((len(now), 3), np.nan)
        known = np.zeros(len(now), np.bool_)
        track = np.zeros(len(now), np.int64)
        if not self._kept:
            return HindsightLabels(position, known, track)
        stamps, positions, tracks = self._arrays()
        seen = now - round(self.limits.seen_before_s * NANOSECONDS)
        before = np.searchsorted(stamps, seen, "right") - 1
        after = np.searchsorted(stamps, then, "left")
        known = (before >= 0) & (after < len(stamps))
        # Track numbers only rise: equal at both ends means equal in between.
        known[known] = tracks[before[known]] == tracks[after[known]]
        position[known] = _interpolate(stamps, positions, then[known], after[known])
        track[known] = tracks[after[known]]
        return HindsightLabels(position, known, track)

    def newest(self, span_s: float) -> Followed | None:
        """The object that is followed now, by its detections of the newest span [s]; None where
        there is none, or the newest detection is suspect."""
        if not self._kept or self._suspect is not None:
            return None
        stamps, positions, tracks = self._arrays()
        begun = int(tracks.searchsorted(tracks[-1]))
        fresh = max(begun, int(stamps.searchsorted(stamps[-1] - round(span_s * NANOSECONDS))))
        return Followed(int(tracks[-1]), int(stamps[begun]), stamps[fresh:], positions[fresh:])

    def clear(self) -> None:
        """Forget every detection."""
        self._kept: deque[_Detection] = deque()
        self._kept_arrays: tuple[NDArray, NDArray, NDArray] | None = None
        self._suspect: tuple[int, NDArray[np.float64]] | None = None
        self._last_point: NDArray[np.float64] | None = None
        self._newest_ns: int | None = None
        self._track = 0
        self._newest_speed_m_s = 0.0

    def _place(self, stamp_ns: int, point: NDArray[np.float64]) -> None:
        if not self._kept:
            self._keep(stamp_ns, point)
            return
        last = self._kept[-1]
        if self._goes_on(stamp_ns, point):
            self._suspect = None
        elif self._suspect is not None and self._follows(*self._suspect, stamp_ns, point):
            self._begin_track(*self._suspect)
            self._suspect = None
        elif (stamp_ns - last.stamp_ns) / NANOSECONDS > self.limits.max_gap_s:
            self._begin_track(stamp_ns, point)
            self._suspect = None
            return
        else:
            self._suspect = (stamp_ns, point)
            return
        self._keep(stamp_ns, point)

    def _begin_track(self, stamp_ns: int, point: NDArray[np.float64]) -> None:
        self._track += 1
        self._keep(stamp_ns, point)

    def _expected(self, stamp_ns: int) -> NDArray[np.float64]:
        """Where the object tracked should be, if its velocity is known; else where it was."""
        last, velocity = self._kept[-1], self._velocity_m_s()
        if velocity is None:
            return last.position
        return last.position + velocity * ((stamp_ns - last.stamp_ns) / NANOSECONDS)

    def _keep(self, stamp_ns: int, point: NDArray[np.float64]) -> None:
        self._kept_arrays = None
        self._kept.append(_Detection(stamp_ns, point, self._track))
        while stamp_ns - self._kept[0].stamp_ns > self._history_ns:
            self._kept.popleft()

    def _goes_on(self, stamp_ns: int, point: NDArray[np.float64]) -> bool:
        """Whether the object tracked can be seen at this place now."""
        last = self._kept[-1]
        if not self._follows(last.stamp_ns, last.position, stamp_ns, point):
            return False
        if self._velocity_m_s() is None:
            return True
        off_m = float(np.linalg.norm(point - self._expected(stamp_ns)))
        return off_m <= self.limits.jump_margin_m

    def _velocity_m_s(self) -> NDArray[np.float64] | None:
        """Of the object tracked, (3,); None while it has not been followed for long enough."""
        if not self._kept:
            return None
        last = first = self._kept[-1]
        span_ns = round(self.limits.velocity_span_s * NANOSECONDS)
        for item in reversed(self._kept):
            if item.track != last.track or last.stamp_ns - item.stamp_ns > span_ns:
                break
            first = item
        elapsed_ns = last.stamp_ns - first.stamp_ns
        if 2 * elapsed_ns < span_ns:
            return None
        return (last.position - first.position) / (elapsed_ns / NANOSECONDS)

    def _speed_m_s(self) -> float:
        """Of the object tracked; of the one before while this one's is not known."""
        velocity = self._velocity_m_s()
        if velocity is not None:
            self._newest_speed_m_s = float(np.linalg.norm(velocity))
        return self._newest_speed_m_s

    def _follows(
        self,
        before_ns: int,
        before: NDArray[np.float64],
        stamp_ns: int,
        point: NDArray[np.float64],
    ) -> bool:
        """Whether an object seen at one place can be the one seen at another later."""
        elapsed_s = (stamp_ns - before_ns) / NANOSECONDS
        reach_m = self.limits.max_speed_m_s * elapsed_s + self.limits.jump_margin_m
        distance_m = float(np.linalg.norm(point - before))
        return elapsed_s <= self.limits.max_gap_s and distance_m <= reach_m

    def _arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Stamps (D,), positions (D, 3) and tracks (D,) of what is kept, at least one."""
        if self._kept_arrays is None:
            stamps, positions, tracks = zip(
                *((item.stamp_ns, item.position, item.track) for item in self._kept), strict=True
            )
            self._kept_arrays = np.array(stamps, np.int64), np.array(positions), np.array(tracks)
        return self._kept_arrays


def _interpolate(
    stamps: NDArray[np.int64],
    positions: NDArray[np.float64],
    then: NDArray[np.int64],
    after: NDArray[np.int64],
) -> NDArray[np.float64]:
    before = np.searchsorted(stamps, then, "right") - 1
    span = np.maximum(stamps[after] - stamps[before], 1)
    share = ((then - stamps[before]) / span)[:, None]
    return (1.0 - share) * positions[before] + share * positions[after]
