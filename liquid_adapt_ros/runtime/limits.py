"""Limits of what leaves for the controllers: velocity and acceleration, and a smooth stop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Action(Protocol):
    """What the limiter reads of an action: a Command or a PolicyOutput."""

    joint_velocity: np.ndarray
    base: np.ndarray
    gripper: float


@dataclass(frozen=True)
class Command:
    """joint_velocity: (joints,) [rad/s]. base: linear [m/s], angular [rad/s]. gripper: 0..1."""

    joint_velocity: np.ndarray
    base: np.ndarray
    gripper: float


@dataclass(frozen=True)
class ActionLimits:
    """Largest magnitudes, all positive.

    joint_velocity_rad_s, joint_acceleration_rad_s2: one per joint. base_velocity: linear [m/s]
    and angular [rad/s]; base_acceleration: [m/s^2] and [rad/s^2]. longest_interval_s: the longest
    time between two commands for which the acceleration limit grants a change [s]; after a pause
    the command does not jump. Raises ValueError.
    """

    joint_velocity_rad_s: tuple[float, ...]
    joint_acceleration_rad_s2: tuple[float, ...]
    base_velocity: tuple[float, float]
    base_acceleration: tuple[float, float]
    longest_interval_s: float = 0.05

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            for value in values if isinstance(values, tuple) else (values,):
                if not 0.0 < value < math.inf:
                    raise ValueError(f"{name} must be positive and finite, got {value}")
        if len(self.joint_velocity_rad_s) != len(self.joint_acceleration_rad_s2):
            raise ValueError(
                f"{len(self.joint_velocity_rad_s)} joint velocity limits, "
                f"{len(self.joint_acceleration_rad_s2)} joint acceleration limits"
            )
        if len(self.base_velocity) != 2 or len(self.base_acceleration) != 2:
            raise ValueError("base limits have two components: linear and angular")


class ActionLimiter:
    """Keeps every command within the limits, relative to the command before.

    Starts from rest. Whatever it is given, two commands differ by no more than acceleration
    times interval and none exceeds its velocity limit; after a change of the limits a command
    that is too fast for the new ones is brought below them at the new acceleration.
    """

    def __init__(self, limits: ActionLimits) -> None:
        self._joints = len(limits.joint_velocity_rad_s)
        self._last = np.zeros(self._joints + 2)
        self._gripper = 0.0
        self.change_limits(limits)

    def change_limits(self, limits: ActionLimits) -> None:
        """Keep to other limits from the next command on.

        Raises ValueError for another number of joints; the limits before hold then.
        """
        joints = len(limits.joint_velocity_rad_s)
        if joints != self._joints:
            raise ValueError(f"limits for {joints} joints, expected {self._joints}")
        self.limits = limits
        self._velocity = np.array([*limits.joint_velocity_rad_s, *limits.base_velocity])
        self._acceleration = np.array(
            [*limits.joint_acceleration_rad_s2, *limits.base_acceleration]
        )

    @property
    def at_rest(self) -> bool:
        """Whether the last command asks for no motion."""
        return not self._last.any()

    def limit(self, action: Action, dt_s: float) -> tuple[Command, bool]:
        """Return the command nearest to the action, and whether anything had to be changed.

        dt_s: time since the last command [s], positive. An action that is not finite is answered
        by a step of the smooth stop. Raises ValueError for a wrong number of joints.
        """
        wanted = np.concatenate([action.joint_velocity, action.base]).astype(np.float64)
        if wanted.shape != self._last.shape:
            raise ValueError(f"{wanted.size - 2} joint velocities, expected {self._joints}")
        if not (np.isfinite(wanted).all() and math.isfinite(action.gripper)):
            return self.smooth_stop(dt_s), True
        self._gripper = min(max(float(action.gripper), 0.0), 1.0)
        reached = self._approach(np.clip(wanted, -self._velocity, self._velocity), dt_s)
        applied = self._gripper != action.gripper or not np.array_equal(reached, wanted)
        return self._command(), applied

    def smooth_stop(self, dt_s: float) -> Command:
        """Return the next command on the way to rest, at the acceleration limit.

        The gripper keeps its last command: a stop must not drop what it holds.
        """
        self._approach(np.zeros_like(self._last), dt_s)
        return self._command()

    def reset(self) -> None:
        """Start from rest with the gripper off, as after a new activation."""
        self._last[:] = 0.0
        self._gripper = 0.0

    def _approach(self, goal: np.ndarray, dt_s: float) -> np.ndarray:
        if not dt_s > 0.0:
            raise ValueError(f"dt_s must be positive, got {dt_s}")
        change = self._acceleration * min(dt_s, self.limits.longest_interval_s)
        self._last = np.clip(goal, self._last - change, self._last + change)
        return self._last

    def _command(self) -> Command:
        return Command(
            self._last[: self._joints].copy(), self._last[self._joints :].copy(), self._gripper
        )
