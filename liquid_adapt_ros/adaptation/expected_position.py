"""Where an object that is being followed will be: labels some tenths of a second before they come.

A line is fitted to its newest detections, which are taken for points at rest or in steady motion
in the world, seen from a base that moves as it is told.
"""

from __future__ import annotations

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


def expected_positions(
    stamps_s: Array, positions: Array, times_s: Array, motion: BaseMotion | None
) -> Array:
    """Where an object seen at these times (D,) and places (D, 3) will be later, (N, 3) [m].

    times_s: (N,) of the answers. motion: of the base; None: it does not move.
    """
    if motion is not None:
        positions = positions - motion.until(stamps_s)
    centre_s = stamps_s.mean()
    since_s = stamps_s - centre_s
    velocity = since_s @ positions / (since_s @ since_s)
    expected = positions.mean(axis=0) + (times_s - centre_s)[:, None] * velocity
    return expected if motion is None else expected + motion.until(times_s)
