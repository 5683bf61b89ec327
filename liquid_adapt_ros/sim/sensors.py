"""The robot's IMU and joint encoders, and the cell's pose detector: from truth to measurement."""

from dataclasses import dataclass

import numpy as np

from liquid_adapt_ros.sim.config import DetectorConfig, EncoderConfig, ImuConfig
from liquid_adapt_ros.sim.latency import LatencyQueue, SampleClock

GRAVITY_M_S2 = 9.81
NO_BIAS = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ImuSample:
    """Specific force (m/s^2) and angular velocity (rad/s), both (3,), in the IMU's frame."""

    stamp_s: float
    linear_acceleration: np.ndarray
    angular_velocity: np.ndarray


@dataclass(frozen=True)
class JointSample:
    """Measured joint positions (rad) and velocities (rad/s), both (joints,)."""

    stamp_s: float
    names: tuple[str, ...]
    position: np.ndarray
    velocity: np.ndarray


@dataclass(frozen=True)
class Detection:
    """The target's position (3,) m in base_link at stamp_s; object_id is for scoring only."""

    stamp_s: float
    position: np.ndarray
    object_id: int


def specific_force(
    acceleration_m_s2: np.ndarray, rotation: np.ndarray, gravity_m_s2: float = GRAVITY_M_S2
) -> np.ndarray:
    """What an ideal accelerometer feels: acceleration less gravity, in its own frame.

    Args:
        acceleration_m_s2: (3,) of the IMU in the world, z up.
        rotation: (3, 3) of the IMU in the world.

    Returns:
        (3,) in the IMU's frame; at rest and upright (0, 0, +gravity). MuJoCo's accelerometer
        sensor gives the same.
    """
    return rotation.T @ (np.asarray(acceleration_m_s2, dtype=float) + [0.0, 0.0, gravity_m_s2])


class ImuModel:
    """White noise per sample and a turn-on bias drawn once.

    The noise of consumer MEMS parts: the ICM-20948 (TDK DS-000189) has 230 ug/sqrt(Hz) and
    0.015 deg/s/sqrt(Hz). Sampled at 200 Hz, so over 100 Hz of bandwidth, these are 0.023 m/s^2 and
    0.0026 rad/s per sample, the size of ImuConfig's defaults.
    """

    def __init__(self, config: ImuConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        self._acceleration_bias = rng.normal(0.0, config.acceleration_bias_sigma_m_s2, 3)
        self._angular_velocity_bias = rng.normal(0.0, config.angular_velocity_bias_sigma_rad_s, 3)

    def measure(
        self,
        stamp_s: float,
        specific_force_m_s2: np.ndarray,
        angular_velocity_rad_s: np.ndarray,
        acceleration_bias_m_s2: np.ndarray = NO_BIAS,
        angular_velocity_bias_rad_s: np.ndarray = NO_BIAS,
    ) -> ImuSample:
        """One sample of the true specific force and angular velocity, (3,) in the IMU's frame.

        The two biases given here are a disturbance and come on top of the turn-on bias.
        """
        noise = self._rng.standard_normal((2, 3))
        acceleration = specific_force_m_s2 + self._acceleration_bias
        acceleration += acceleration_bias_m_s2
        acceleration += self._config.acceleration_sigma_m_s2 * noise[0]
        angular_velocity = angular_velocity_rad_s + self._angular_velocity_bias
        angular_velocity += angular_velocity_bias_rad_s
        angular_velocity += self._config.angular_velocity_sigma_rad_s * noise[1]
        return ImuSample(stamp_s, acceleration, angular_velocity)


class EncoderModel:
    """Joint encoders: an offset, a resolution, and noise on the velocity derived from them."""

    def __init__(
        self, config: EncoderConfig, names: tuple[str, ...], rng: np.random.Generator
    ) -> None:
        self._config = config
        self._names = names
        self._rng = rng

    def measure(
        self,
        stamp_s: float,
        position_rad: np.ndarray,
        velocity_rad_s: np.ndarray,
        offset_rad: np.ndarray | float = 0.0,
    ) -> JointSample:
        """One sample of the true positions and velocities, (joints,) each."""
        position = np.asarray(position_rad, dtype=float) + offset_rad
        resolution = self._config.resolution_rad
        if resolution > 0.0:
            position = np.rint(position / resolution) * resolution
        noise = self._rng.standard_normal(len(self._names))
        velocity = velocity_rad_s + self._config.velocity_sigma_rad_s * noise
        return JointSample(stamp_s, self._names, position, velocity)


class PoseDetector:
    """A calibrated sensor of the work cell, independent of the robot's camera.

    Measures the target at a fixed rate and reports it a fixed latency later, stamped with the
    moment of measurement. The noise is white, the same on each axis.
    """

    def __init__(self, config: DetectorConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        self._clock = SampleClock(config.rate_hz)
        self._pending: LatencyQueue[Detection] = LatencyQueue()

    def change_config(self, config: DetectorConfig) -> None:
        """Measure as another configuration says from the next tick on."""
        self._config = config
        self._clock = SampleClock(config.rate_hz)

    def tick(
        self, time_s: float, target_position_m: np.ndarray | None, object_id: int | None
    ) -> Detection | None:
        """Measure if it is time to, and return the detection that is available now, if any.

        Args:
            time_s: now; call once per tick with rising times.
            target_position_m: (3,) the target's true position in base_link now, None if there
                is no target: then nothing is measured.
            object_id: the target's id.
        """
        if self._clock.due(time_s) and target_position_m is not None:
            position = target_position_m + self._config.sigma_m * self._rng.standard_normal(3)
            detection = Detection(time_s, position, object_id)
            self._pending.push(detection, time_s, self._config.latency_s)
        return self._pending.pop(time_s)
