"""The belt: what lies on it, and its speed over time, continuous and with bounded acceleration."""

import math
from typing import Protocol

import numpy as np

from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.config import BeltConfig

DRIVE_ACCELERATION_M_S2 = 0.5
DRIVE_SPEED_MAX_M_S = 0.5
RANDOM_LEVELS = 512


class BeltProfile(Protocol):
    """Speed set-point of the belt."""

    def speed(self, time_s: float) -> float:
        """Speed at time_s >= 0, m/s."""
        ...


class Constant:
    """One speed."""

    def __init__(self, speed_m_s: float) -> None:
        self._speed = speed_m_s

    def speed(self, time_s: float) -> float:
        return self._speed


class Ramp:
    """From one speed to another at constant acceleration, then constant."""

    def __init__(self, start_m_s: float, end_m_s: float, duration_s: float) -> None:
        self._start, self._end, self._duration = start_m_s, end_m_s, duration_s

    def speed(self, time_s: float) -> float:
        share = min(time_s / self._duration, 1.0)
        return self._start + share * (self._end - self._start)


class Sine:
    """Between two speeds, with a period and a phase (rad)."""

    def __init__(self, low_m_s: float, high_m_s: float, period_s: float, phase: float) -> None:
        self._mean = 0.5 * (low_m_s + high_m_s)
        self._amplitude = 0.5 * (high_m_s - low_m_s)
        self._rate, self._phase = 2 * math.pi / period_s, phase

    def speed(self, time_s: float) -> float:
        return self._mean + self._amplitude * math.sin(self._rate * time_s + self._phase)


class RandomSteps:
    """A new level every period, reached at a limited acceleration; the last level stays."""

    def __init__(
        self, levels_m_s: np.ndarray, period_s: float, acceleration_max_m_s2: float
    ) -> None:
        self._levels = [float(level) for level in levels_m_s]
        self._period, self._acceleration = period_s, acceleration_max_m_s2
        self._starts = [self._levels[0]]
        for level in self._levels[:-1]:
            self._starts.append(self._towards(self._starts[-1], level, period_s))

    def speed(self, time_s: float) -> float:
        index = min(int(time_s / self._period), len(self._levels) - 1)
        elapsed = time_s - index * self._period
        return self._towards(self._starts[index], self._levels[index], elapsed)

    def _towards(self, start: float, level: float, duration_s: float) -> float:
        reach = self._acceleration * duration_s
        return start + max(-reach, min(reach, level - start))


def belt_profile(config: BeltConfig, rng: np.random.Generator) -> BeltProfile:
    """The profile that config asks for; rng draws the sine's phase and the random levels.

    A ramp steeper than acceleration_max_m_s2 takes longer than its period.
    """
    first, other = config.speed_m_s, config.other_speed_m_s
    if config.profile == "constant":
        return Constant(first)
    if config.profile == "ramp":
        shortest_s = abs(other - first) / config.acceleration_max_m_s2
        return Ramp(first, other, max(config.period_s, shortest_s))
    if config.profile == "sine":
        return Sine(first, other, config.period_s, rng.uniform(0.0, 2 * math.pi))
    levels = rng.uniform(min(first, other), max(first, other), RANDOM_LEVELS)
    return RandomSteps(levels, config.period_s, config.acceleration_max_m_s2)


class BeltDrive:
    """The belt's motor: follows a set-point at a bounded acceleration and counts its way."""

    def __init__(self, speed_m_s: float) -> None:
        self.speed_m_s = speed_m_s
        self.travel_m = 0.0

    def step(self, set_point_m_s: float, dt_s: float) -> None:
        """Advance by dt_s towards set_point_m_s, which is cut to what the drive can do."""
        set_point = min(max(set_point_m_s, 0.0), DRIVE_SPEED_MAX_M_S)
        reach = DRIVE_ACCELERATION_M_S2 * dt_s
        self.speed_m_s += min(max(set_point - self.speed_m_s, -reach), reach)
        self.travel_m += self.speed_m_s * dt_s


def lies_on_belt(centre: np.ndarray, half_height_m: float) -> bool:
    """Whether an object with its centre (3,) in the world rests on the belt, or nearly so."""
    x, y, z = centre
    above = z - mjcf.BELT_TOP_Z_M
    return bool(
        mjcf.BELT_X_M[0] < x < mjcf.BELT_X_M[1]
        and abs(y - mjcf.BELT_Y_M) < 0.5 * mjcf.BELT_WIDTH_M
        and 0.0 < above < half_height_m + 0.03
    )
