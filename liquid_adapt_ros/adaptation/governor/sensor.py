"""What every sensor keeps to, and how its failures become values."""

import math
from dataclasses import dataclass
from typing import Protocol


class SensorError(Exception):
    """A sensor tells nothing now; the message says why."""


class Sensor(Protocol):
    """One quantity that the platform tells.

    Attributes:
        description: what is read, for people.
    """

    description: str

    def read(self, now_s: float) -> float:
        """Return the value now, in the unit that `Sensors` gives it.

        Args:
            now_s: monotonic time [s], for what is told as a rate of something counted.

        Raises:
            SensorError: it tells nothing now.
        """
        ...


class Absent:
    """Stands for a sensor that this machine lacks; `reason` says so."""

    description = ""

    def __init__(self, reason: str):
        self._reason = reason

    def read(self, now_s: float) -> float:
        """Raise SensorError."""
        raise SensorError(self._reason)


@dataclass(frozen=True)
class Reading:
    """A value, or NaN and why there is none."""

    value: float = math.nan
    reason: str = "not read yet"


def measure(sensor: Sensor, now_s: float) -> Reading:
    """Read a sensor; one that fails gives NaN and the reason."""
    try:
        value = sensor.read(now_s)
    except SensorError as error:
        return Reading(math.nan, str(error))
    if not math.isfinite(value):
        return Reading(math.nan, f"{sensor.description} reads {value}")
    return Reading(value, "")
