"""Whether labels of a new object are to be believed: a detector can be wrong, too.

Most changes of the world show while an object is followed: the network's error grows from label
to label. Where it is the detector that has slipped, all labels of the next object, or of one that
seems to have jumped, are off at once, and otherwise than where the last object began, and objects
move as before: a slip does not change their speed. Nor does it change how old the pictures are
that the network sees: where they come later than before, it is the network that is off. Suspicious
labels are refused until the error is back to where it was. If it lasts for longer than a slip
would, it is the world that has changed, and may go on changing. What the shipped network agrees
with is always believed: it can't have learned it from the detector.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS

Array = NDArray[np.float64]

# The shipped network agrees where its error is below this share of the adapted one's.
_AGREES = 0.5
# While labels are refused this share of the surprise is enough to go on refusing.
_STILL = 0.5


@dataclass(frozen=True)
class JudgeLimits:
    """What makes labels suspicious.

    Attributes:
        judged_s: how much of an object's labels is waited for before they are judged [s].
        usual_s: how long before them the labels are that they are compared with [s].
        surprise_m: suspicious is a mean error of the adapted network that exceeds twice that on
            those by this, where that of the shipped one differs by as much from what it was where
            the last object began; while labels are refused, by half of this [m].
        other_speed_m_s: nothing is suspicious where the velocity of objects has changed by more
            than this [m/s].
        other_camera_age_s: or the age of the pictures by more than this [s].
        distrust_s: how long suspicious labels are refused [s].
        trust_s: how long after that nothing is suspicious: it was the world that had changed [s].
    """

    judged_s: float = 0.1
    usual_s: float = 1.0
    surprise_m: float = 0.03
    other_speed_m_s: float = 0.1
    other_camera_age_s: float = 0.05
    distrust_s: float = 6.0
    trust_s: float = 30.0


@dataclass(frozen=True)
class JudgedLabel:
    """A label with what is known about it.

    Attributes:
        stamp_ns: of the sample.
        track: number of the object's track.
        position: (3,) the label [m].
        adapted, frozen: (3,) what the two networks had predicted [m].
        velocity: (3,) of the object in the world, as it was seen when the label came [m/s]; NaN
            where that is not known.
        camera_age_s: of the picture in the sample [s]; NaN where that is not known.
    """

    stamp_ns: int
    track: int
    position: Array
    adapted: Array
    frozen: Array
    velocity: Array
    camera_age_s: float = math.nan


class DetectorJudge:
    """Lets labels pass, in their order, or not."""

    def __init__(self, limits: JudgeLimits):
        self._limits = limits
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._track: int | None = None
        self._believed: bool | None = None
        self._held: list[JudgedLabel] = []
        self._newest: deque[JudgedLabel] = deque()
        # Mean error of the shipped network where this object and the last one believed began.
        self._begun: Array | None = None
        self._last_begun: Array | None = None
        self._distrusted_ns: int | None = None
        self._trusted_until_ns = 0

    @property
    def is_distrusting(self) -> bool:
        """Whether labels are being refused."""
        return self._distrusted_ns is not None

    def take(self, label: JudgedLabel) -> list[JudgedLabel]:
        """The labels that can be believed now that this one is known, oldest first."""
        if label.track != self._track:
            self._track, self._believed, self._held = label.track, None, []
        if self._believed is None:
            self._held.append(label)
            if _span_s(self._held) < self._limits.judged_s:
                return []
            self._believed = self._judge()
            passed, self._held = self._held, []
        else:
            passed = [label]
        if self._distrusted_ns is not None and self._has_lasted(label.stamp_ns):
            self._distrusted_ns, self._believed = None, True
            self._trusted_until_ns = label.stamp_ns + round(self._limits.trust_s * NANOSECONDS)
        if not self._believed:
            return []
        self._last_begun = self._begun
        self._newest.extend(passed)
        while _span_s(self._newest) > self._limits.usual_s:
            self._newest.popleft()
        return passed

    def verdict(self, track: int) -> bool | None:
        """Whether labels of an object are being believed; None while that is not known."""
        return self._believed if track == self._track else None

    def would_believe(self, labels: Sequence[JudgedLabel]) -> bool:
        """Whether labels of a new object, which have not come yet, are likely to be believed."""
        return not self._is_surprising(labels)

    def _has_lasted(self, stamp_ns: int) -> bool:
        return (stamp_ns - self._distrusted_ns) / NANOSECONDS > self._limits.distrust_s

    def _judge(self) -> bool:
        """Whether the labels held are believed."""
        is_surprising = self._is_surprising(self._held)
        self._begun = _errors(self._held)[1]
        if not is_surprising:
            self._distrusted_ns = None
        elif self._distrusted_ns is None:
            self._distrusted_ns = self._held[0].stamp_ns
        return not is_surprising

    def _is_surprising(self, labels: Sequence[JudgedLabel]) -> bool:
        """Whether these labels of a new object look like a detector that has slipped."""
        if not self._newest or labels[-1].stamp_ns < self._trusted_until_ns:
            return False
        adapted, frozen = _errors(labels)
        limit_m = self._limits.surprise_m * (_STILL if self.is_distrusting else 1.0)
        off_m, usual_m = _length(adapted), _length(_errors(self._newest)[0])
        differs = _length(frozen - self._last_begun) > limit_m
        agrees = _length(frozen) < _AGREES * off_m
        suspicious = off_m > 2.0 * usual_m + limit_m and differs and not agrees
        if not suspicious:
            return False
        # NaN compares as no change.
        change_m_s = _length(_velocity(labels) - _velocity(self._newest))
        later_s = abs(_camera_age_s(labels) - _camera_age_s(self._newest))
        limits = self._limits
        return not (change_m_s > limits.other_speed_m_s or later_s > limits.other_camera_age_s)


def _span_s(labels: Sequence[JudgedLabel]) -> float:
    return (labels[-1].stamp_ns - labels[0].stamp_ns) / NANOSECONDS


def _errors(labels: Sequence[JudgedLabel]) -> tuple[Array, Array]:
    """Mean errors (3,) of the adapted and of the shipped network [m]."""
    positions = np.array([label.position for label in labels])
    said = np.array([(label.adapted, label.frozen) for label in labels])
    adapted, frozen = np.mean(positions[:, None] - said, axis=0)
    return adapted, frozen


def _velocity(labels: Sequence[JudgedLabel]) -> Array:
    """Mean velocity (3,) where it is known, else NaN [m/s]."""
    known = [label.velocity for label in labels if np.isfinite(label.velocity).all()]
    return np.mean(known, axis=0) if known else np.full(3, np.nan)


def _camera_age_s(labels: Sequence[JudgedLabel]) -> float:
    """Mean age of the pictures where it is known, else NaN [s]."""
    known = [label.camera_age_s for label in labels if math.isfinite(label.camera_age_s)]
    return sum(known) / len(known) if known else math.nan


def _length(vector: Array) -> float:
    return float(np.linalg.norm(vector))
