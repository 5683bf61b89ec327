"""Where an object that is being followed will be: labels some tenths of a second before they come.

A line is fitted to its newest detections, which are taken for points at rest or in steady motion
in the world, seen from a base that moves as it is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class BaseMotion:
    """What the base's own motion does to points near one place, as seen from the base.

    Args:
        stamps_s: (N,) rising times of commands; each holds until the next, the last one on and
            on, and before the first nothing moves [s].
        twist: (N, 2) forward [m/s] and yaw rate [rad/s], in the base frame; NaN: none.
        place: (3,) in the base frame [m].
    """

    def __init__(self, stamps_s: Array, twist: Array, place: Array):
        forward, turn = np.nan_to_num(twist).T
        velocity = np.stack([turn * place[1] - forward, -turn * place[0], 0.0 * turn], axis=1)
        self._stamps_s, self._velocity = stamps_s, velocity
        steps = velocity[:-1] * np.diff(stamps_s)[:, None]
        self._moved = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])

    def until(self, times_s: Array) -> Array:
        """How far they have moved by these times (M,), counted from the first command: (M, 3)."""
        newest = np.searchsorted(self._stamps_s, times_s, "right") - 1
        held = np.maximum(newest, 0)
        since_s = np.where(newest < 0, 0.0, times_s - self._stamps_s[held])
        return self._moved[held] + since_s[:, None] * self._velocity[held]


@dataclass(frozen=True)
class SteadyMotion:
    """An object in steady motion in the world, as a base sees it that moves itself.

    Attributes:
        position: (3,) where it would be at time 0 had the base not moved since the first of its
            commands [m].
        velocity: (3,) of the object in the world, in the base's directions [m/s].
        span_s: how long it has been seen [s].
        base: its motion; None: it does not move.
    """

    position: Array
    velocity: Array
    span_s: float
    base: BaseMotion | None

    @classmethod
    def fit(cls, stamps_s: Array, positions: Array, base: BaseMotion | None) -> SteadyMotion:
        """By least squares, from where it was seen (D, 3) [m] at two times (D,) [s] or more."""
        if base is not None:
            positions = positions - base.until(stamps_s)
        centre_s = stamps_s.mean()
        since_s = stamps_s - centre_s
        velocity = since_s @ positions / (since_s @ since_s)
        position = positions.mean(axis=0) - centre_s * velocity
        return cls(position, velocity, float(stamps_s[-1] - stamps_s[0]), base)

    def at(self, times_s: Array) -> Array:
        """Where the base will see it at these times (N,) [s]: (N, 3) [m]."""
        seen = self.position + times_s[:, None] * self.velocity
        return seen if self.base is None else seen + self.base.until(times_s)
