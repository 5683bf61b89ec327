"""What may go wrong while the robot works: the disturbances, neutral by default."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from liquid_adapt_ros.sim.config import ConfigError, Vector3, require, require_length


def _about(low: float, high: float, description: str) -> dict[str, object]:
    return {"low": low, "high": high, "description": description}


@dataclass(frozen=True)
class Disturbances:
    """All disturbances at one instant. Each field's metadata has low, high and description.

    Raises ConfigError, naming the field, its value and the bound, for a value that is not a
    finite number in its range or a vector of the wrong length.
    """

    belt_speed_scale: float = field(
        default=1.0, metadata=_about(0.0, 5.0, "factor on the belt's speed")
    )
    camera_rotation_rad: Vector3 = field(
        default=(0.0, 0.0, 0.0),
        metadata=_about(-0.5, 0.5, "camera bump: rotation vector in its optical frame [rad]"),
    )
    camera_translation_m: Vector3 = field(
        default=(0.0, 0.0, 0.0), metadata=_about(-0.3, 0.3, "camera bump: shift in base_link [m]")
    )
    depth_scale: float = field(
        default=1.0, metadata=_about(0.5, 2.0, "factor on the measured depth")
    )
    light_scale: float = field(
        default=1.0, metadata=_about(0.05, 3.0, "factor on the light's intensity")
    )
    light_tint: Vector3 = field(
        default=(1.0, 1.0, 1.0),
        metadata=_about(0.2, 2.0, "factors on the light's red, green and blue"),
    )
    payload_mass_kg: float = field(
        default=0.0, metadata=_about(0.0, 5.0, "mass added at the tool [kg]")
    )
    joint_encoder_offset_rad: tuple[float, ...] = field(
        default=(0.0,) * 6,
        metadata=_about(-0.5, 0.5, "added to the measured joint positions [rad]"),
    )
    imu_acceleration_bias_m_s2: Vector3 = field(
        default=(0.0, 0.0, 0.0),
        metadata=_about(-10.0, 10.0, "added to the acceleration, IMU frame [m/s^2]"),
    )
    imu_angular_velocity_bias_rad_s: Vector3 = field(
        default=(0.0, 0.0, 0.0),
        metadata=_about(-2.0, 2.0, "added to the angular velocity, IMU frame [rad/s]"),
    )
    camera_latency_s: float = field(
        default=0.0, metadata=_about(0.0, 1.0, "added to the camera's own latency [s]")
    )

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            name = f"disturbance.{item.name}"
            value = _numbers(name, getattr(self, item.name), item.default)
            require(name, value, item.metadata["low"], item.metadata["high"])
            object.__setattr__(self, item.name, value)

    def replaced(self, values: Mapping[str, object]) -> "Disturbances":
        """A copy with these fields set. Raises ConfigError for an unknown name or a bad value."""
        require_known("disturbance", values, (item.name for item in dataclasses.fields(self)))
        return dataclasses.replace(self, **values)


def require_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for the first name that is not known, and suggest the nearest."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {known}"
            raise ConfigError(f"{what} {name!r} is not known: {hint}")


def _numbers(name: str, value: object, default: object) -> float | tuple[float, ...]:
    """Value as a float or as a tuple of floats, whichever the default is."""
    if not isinstance(default, tuple):
        return _number(name, value)
    if not isinstance(value, (tuple, list, np.ndarray)):
        raise ConfigError(f"{name} = {value!r}: must be a list of {len(default)} numbers")
    require_length(name, value, len(default))
    return tuple(_number(name, element) for element in value)


def _number(name: str, value: object) -> float:
    if isinstance(value, str):
        raise ConfigError(f"{name} = {value!r}: must be a number (1e-3 is text in YAML: 1.0e-3)")
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ConfigError(f"{name} = {value!r}: must be a number")
    return float(value)
