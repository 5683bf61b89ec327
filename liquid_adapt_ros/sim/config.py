"""What an episode of the conveyor world is made of: frozen, validated, SI with units in the names.

Each part checks its own fields when it is built; the error names field, value and bound.
"""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.robot_description import ROBOT

BELT_PROFILES = ("constant", "ramp", "sine", "random_steps")
OBJECT_SHAPES = ("box", "cylinder", "ellipsoid")

Vector3 = tuple[float, float, float]

_CAMERA, _IMU = ROBOT.sensor("camera"), ROBOT.sensor("imu")
_ACCELERATION_NOISE = _IMU.find("imu/linear_acceleration/x/noise")
_ANGULAR_VELOCITY_NOISE = _IMU.find("imu/angular_velocity/x/noise")


class ConfigError(ValueError):
    """A field of the configuration lies outside its bound."""


def require(name: str, value: object, low: float, high: float) -> None:
    """Raise ConfigError unless every number in value is finite and in [low, high]."""
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} = {value!r}: must be numeric") from error
    if not np.all(np.isfinite(numbers)) or np.any(numbers < low) or np.any(numbers > high):
        raise ConfigError(f"{name} = {value}: must lie in [{low:g}, {high:g}]")


def require_range(name: str, value: tuple[float, float], low: float, high: float) -> None:
    """Raise ConfigError unless value is (a, b) with low <= a <= b <= high."""
    require_length(name, value, 2)
    require(name, value, low, high)
    if value[0] > value[1]:
        raise ConfigError(f"{name} = {value}: must be (smallest, largest)")


def require_length(name: str, value: tuple, length: int) -> None:
    """Raise ConfigError unless value is a sequence of that many elements."""
    if not isinstance(value, (tuple, list, np.ndarray)):
        raise ConfigError(f"{name} = {value!r}: must be a list of {length} numbers")
    if len(value) != length:
        raise ConfigError(f"{name} = {value}: must have {length} elements, has {len(value)}")


@dataclass(frozen=True)
class BeltConfig:
    """Speed of the belt over time; a profile moves between speed_m_s and other_speed_m_s.

    constant: speed_m_s. ramp: from speed_m_s to other_speed_m_s during period_s, then constant.
    sine: between the two with period_s. random_steps: a new speed between the two every period_s.
    """

    profile: str = "constant"
    speed_m_s: float = 0.15
    other_speed_m_s: float = 0.15
    period_s: float = 10.0
    acceleration_max_m_s2: float = 0.2

    def __post_init__(self) -> None:
        if self.profile not in BELT_PROFILES:
            raise ConfigError(f"belt.profile = {self.profile!r}: must be one of {BELT_PROFILES}")
        require("belt.speed_m_s", self.speed_m_s, 0.05, 0.5)
        require("belt.other_speed_m_s", self.other_speed_m_s, 0.05, 0.5)
        require("belt.period_s", self.period_s, 0.5, 300.0)
        require("belt.acceleration_max_m_s2", self.acceleration_max_m_s2, 0.01, 2.0)
        if self.profile == "sine":
            swing = abs(self.other_speed_m_s - self.speed_m_s)
            shortest_s = np.pi * swing / self.acceleration_max_m_s2
            require("belt.period_s", self.period_s, shortest_s, 300.0)


@dataclass(frozen=True)
class ObjectConfig:
    """What enters the belt: each value is drawn uniformly from its range at spawn.

    first_x_m: where the object furthest downstream lies when the episode starts.
    """

    shapes: tuple[str, ...] = OBJECT_SHAPES
    spacing_m: tuple[float, float] = (0.45, 1.0)
    lateral_offset_m: tuple[float, float] = (-0.10, 0.10)
    size_m: tuple[float, float] = (0.03, 0.08)
    mass_kg: tuple[float, float] = (0.1, 1.0)
    first_x_m: tuple[float, float] = (-0.35, 0.0)

    def __post_init__(self) -> None:
        if not self.shapes or any(shape not in OBJECT_SHAPES for shape in self.shapes):
            raise ConfigError(f"objects.shapes = {self.shapes}: must be among {OBJECT_SHAPES}")
        require_range("objects.spacing_m", self.spacing_m, 0.15, 3.0)
        require_range("objects.lateral_offset_m", self.lateral_offset_m, -0.15, 0.15)
        require_range("objects.size_m", self.size_m, 0.02, 0.12)
        require_range("objects.mass_kg", self.mass_kg, 0.02, 5.0)
        require_range("objects.first_x_m", self.first_x_m, -1.1, 1.0)


@dataclass(frozen=True)
class ArmConfig:
    """Joint positions at the start of the episode; the default is where the planner waits."""

    start_rad: tuple[float, ...] = (-1.52, -1.30, 1.60, -1.87, -1.5707963, 0.0)

    def __post_init__(self) -> None:
        require_length("arm.start_rad", self.start_rad, len(ur5e.JOINT_NAMES))
        require("arm.start_rad", self.start_rad, -np.pi, np.pi)


@dataclass(frozen=True)
class DepthNoiseConfig:
    """Noise of the depth image: sigma = sigma_at_1m_m * z^2, then quantisation and drop-outs."""

    sigma_at_1m_m: float = 0.0015
    quantisation_m: float = 0.001
    dropout_probability: float = 0.01
    range_m: tuple[float, float] = (0.15, 4.0)

    def __post_init__(self) -> None:
        require("camera.noise.sigma_at_1m_m", self.sigma_at_1m_m, 0.0, 0.1)
        require("camera.noise.quantisation_m", self.quantisation_m, 0.0, 0.1)
        require("camera.noise.dropout_probability", self.dropout_probability, 0.0, 1.0)
        require_range("camera.noise.range_m", self.range_m, 0.0, 100.0)


@dataclass(frozen=True)
class CameraConfig:
    """RGB-D camera on the base's mast: position and aim in base_link, plus a mounting error.

    What is not a disturbance is by default what the robot's description says.
    mount_rotation_rad is a rotation vector in the camera's optical frame, mount_translation_m an
    offset in base_link. latency_s runs from the stamp to the moment the image is available.
    """

    width: int = int(_CAMERA.findtext("camera/image/width"))
    height: int = int(_CAMERA.findtext("camera/image/height"))
    horizontal_fov_rad: float = float(_CAMERA.findtext("camera/horizontal_fov"))
    rate_hz: float = float(_CAMERA.findtext("update_rate"))
    latency_s: float = 0.02
    position_m: Vector3 = robot.CAMERA_M
    look_at_m: Vector3 = robot.CAMERA_AIM_M
    mount_rotation_rad: Vector3 = (0.0, 0.0, 0.0)
    mount_translation_m: Vector3 = (0.0, 0.0, 0.0)
    noise: DepthNoiseConfig = field(default_factory=DepthNoiseConfig)

    def __post_init__(self) -> None:
        require("camera.width", self.width, 8, 1920)
        require("camera.height", self.height, 8, 1080)
        require("camera.horizontal_fov_rad", self.horizontal_fov_rad, 0.1, 2.8)
        require("camera.rate_hz", self.rate_hz, 1.0, 100.0)
        require("camera.latency_s", self.latency_s, 0.0, 1.0)
        for name in ("position_m", "look_at_m", "mount_rotation_rad", "mount_translation_m"):
            require_length(f"camera.{name}", getattr(self, name), 3)
            require(f"camera.{name}", getattr(self, name), -5.0, 5.0)


@dataclass(frozen=True)
class LightConfig:
    """Brightness and colour of the one distant light, and where it comes from (in the world)."""

    intensity: float = 1.0
    tint: Vector3 = (1.0, 1.0, 1.0)
    direction: Vector3 = (0.3, -0.2, 1.0)

    def __post_init__(self) -> None:
        require("light.intensity", self.intensity, 0.0, 5.0)
        require_length("light.tint", self.tint, 3)
        require("light.tint", self.tint, 0.0, 3.0)
        require_length("light.direction", self.direction, 3)
        if not np.linalg.norm(self.direction) > 0.0:
            raise ConfigError(f"light.direction = {self.direction}: must not be zero")


@dataclass(frozen=True)
class ImuConfig:
    """IMU on the chassis: white noise per sample and a constant bias drawn once per episode.

    The defaults are the robot's description.
    """

    rate_hz: float = float(_IMU.findtext("update_rate"))
    acceleration_sigma_m_s2: float = float(_ACCELERATION_NOISE.findtext("stddev"))
    angular_velocity_sigma_rad_s: float = float(_ANGULAR_VELOCITY_NOISE.findtext("stddev"))
    acceleration_bias_sigma_m_s2: float = float(_ACCELERATION_NOISE.findtext("bias_stddev"))
    angular_velocity_bias_sigma_rad_s: float = float(
        _ANGULAR_VELOCITY_NOISE.findtext("bias_stddev")
    )

    def __post_init__(self) -> None:
        require("imu.rate_hz", self.rate_hz, 1.0, 500.0)
        for name in (
            "acceleration_sigma_m_s2",
            "angular_velocity_sigma_rad_s",
            "acceleration_bias_sigma_m_s2",
            "angular_velocity_bias_sigma_rad_s",
        ):
            require(f"imu.{name}", getattr(self, name), 0.0, 10.0)


@dataclass(frozen=True)
class EncoderConfig:
    """Joint encoders: position resolution and velocity noise."""

    resolution_rad: float = 1e-4
    velocity_sigma_rad_s: float = 0.002

    def __post_init__(self) -> None:
        require("encoder.resolution_rad", self.resolution_rad, 0.0, 0.1)
        require("encoder.velocity_sigma_rad_s", self.velocity_sigma_rad_s, 0.0, 1.0)


@dataclass(frozen=True)
class DetectorConfig:
    """The calibrated cell sensor that observes the target's position in base_link."""

    rate_hz: float = 20.0
    latency_s: float = 0.05
    sigma_m: float = 0.002

    def __post_init__(self) -> None:
        require("detector.rate_hz", self.rate_hz, 1.0, 100.0)
        require("detector.latency_s", self.latency_s, 0.0, 1.0)
        require("detector.sigma_m", self.sigma_m, 0.0, 0.1)


@dataclass(frozen=True)
class SupervisorConfig:
    """When the planner takes over from the policy, and for how long at least."""

    deviation_max_rad_s: float = 0.35
    takeover_s: float = 0.3

    def __post_init__(self) -> None:
        require("supervisor.deviation_max_rad_s", self.deviation_max_rad_s, 0.0, 10.0)
        require("supervisor.takeover_s", self.takeover_s, 0.0, 10.0)


@dataclass(frozen=True)
class EpisodeConfig:
    """All of an episode but its seed and its scenario."""

    belt: BeltConfig = field(default_factory=BeltConfig)
    objects: ObjectConfig = field(default_factory=ObjectConfig)
    arm: ArmConfig = field(default_factory=ArmConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    light: LightConfig = field(default_factory=LightConfig)
    imu: ImuConfig = field(default_factory=ImuConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    supervisor: SupervisorConfig = field(default_factory=SupervisorConfig)

    def with_overrides(self, overrides: dict[str, dict[str, object]]) -> "EpisodeConfig":
        """A copy with {part: {field: value}} replaced; lists become tuples.

        Raises ConfigError for an unknown part or field and for a value out of its bound.
        """
        parts = {}
        known_parts = [part.name for part in dataclasses.fields(self)]
        for name, values in overrides.items():
            if name not in known_parts:
                raise ConfigError(f"{name}: no such part; the parts are {known_parts}")
            part = getattr(self, name)
            known = [item.name for item in dataclasses.fields(part)]
            for key in values:
                if key not in known:
                    raise ConfigError(f"{name}.{key}: no such field; the fields are {known}")
            values = {key: _as_tuple(value) for key, value in values.items()}
            parts[name] = dataclasses.replace(part, **values)
        return dataclasses.replace(self, **parts)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
