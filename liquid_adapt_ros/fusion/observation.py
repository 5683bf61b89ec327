"""One observation: the newest samples of all sensors as one feature vector, with their ages.

Used by the sensor_fusion node and by pretraining, so that the network is trained on exactly what
it will see.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.fusion import filters
from liquid_adapt_ros.fusion.alignment import Stream
from liquid_adapt_ros.fusion.filters import ButterworthLowPass
from liquid_adapt_ros.fusion.normalise import Normaliser

IMU_CHANNELS = 6


@dataclass(frozen=True)
class FusionConfig:
    """What an observer needs to know of its sensors.

    Arguments:
        camera_max_age_s, imu_max_age_s, joint_max_age_s: a modality older than this isn't valid.
        future_tolerance_s: how far a stamp may lie ahead of the clock [s].
        imu_rate_hz, joint_rate_hz: rates at which the sensors publish [Hz].
        imu_cutoff_hz, joint_cutoff_hz: cutoffs of the low-pass filters, below half of those [Hz].

    Raises ValueError where a cutoff does not fit its rate.
    """

    camera_max_age_s: float = 0.2
    imu_max_age_s: float = 0.05
    joint_max_age_s: float = 0.05
    future_tolerance_s: float = 0.1
    imu_rate_hz: float = filters.IMU_RATE_HZ
    imu_cutoff_hz: float = filters.IMU_CUTOFF_HZ
    joint_rate_hz: float = filters.JOINT_RATE_HZ
    joint_cutoff_hz: float = filters.JOINT_CUTOFF_HZ

    def __post_init__(self) -> None:
        filters_of = {"imu": self.imu_low_pass, "joint": self.joint_low_pass}
        for sensor, (cutoff_hz, rate_hz) in filters_of.items():
            if not 0.0 < cutoff_hz < rate_hz / 2.0:
                raise ValueError(
                    f"{sensor}_cutoff_hz must be below half of {sensor}_rate_hz, "
                    f"which is {rate_hz / 2.0:g}, not {cutoff_hz:g}"
                )

    @property
    def imu_low_pass(self) -> tuple[float, float]:
        """Cutoff and rate of the IMU's filter [Hz]."""
        return self.imu_cutoff_hz, self.imu_rate_hz

    @property
    def joint_low_pass(self) -> tuple[float, float]:
        """Cutoff and rate of the joints' filter [Hz]."""
        return self.joint_cutoff_hz, self.joint_rate_hz


@dataclass(frozen=True)
class Ages:
    """Age of each modality at the instant of an observation [s]; inf if it never came."""

    camera_s: float
    imu_s: float
    joint_s: float


@dataclass(frozen=True)
class Validity:
    """Whether each modality is young enough."""

    camera: bool
    imu: bool
    joint: bool

    @property
    def all(self) -> bool:
        """Whether a learner may use the observation."""
        return self.camera and self.imu and self.joint


class Observer:
    """Keeps the newest sample of each modality: embedding, filtered IMU, filtered joints.

    Features are always finite: a modality that is missing or stale keeps its last value (at the
    start the mean of the training data, that is 0 after normalisation).

    Arguments:
        normaliser: of E + 6 + J features.
        joints: number of joints J.
        config: rates, cutoffs and age limits.

    Methods that take a sample raise ValueError with the reason where the sample can't be used;
    it then leaves no trace.
    """

    def __init__(self, normaliser: Normaliser, joints: int, config: FusionConfig) -> None:
        self._normaliser = normaliser
        self._raw = normaliser.mean.copy()
        end = normaliser.size
        self._embedding = self._raw[: end - joints - IMU_CHANNELS]
        self._imu = self._raw[end - joints - IMU_CHANNELS : end - joints]
        self._joints = self._raw[end - joints :]
        self._config = config
        self._imu_filter = ButterworthLowPass(*config.imu_low_pass, IMU_CHANNELS)
        self._joint_filter = ButterworthLowPass(*config.joint_low_pass, joints)
        self.camera = Stream(config.camera_max_age_s, config.future_tolerance_s)
        self.imu = Stream(config.imu_max_age_s, config.future_tolerance_s)
        self.joint = Stream(config.joint_max_age_s, config.future_tolerance_s)

    def change_config(self, config: FusionConfig) -> None:
        """Keep to another configuration from the next sample on.

        A filter that becomes another one takes its next sample as the steady state.
        """
        before, self._config = self._config, config
        if config.imu_low_pass != before.imu_low_pass:
            self._imu_filter = ButterworthLowPass(*config.imu_low_pass, self._imu.size)
        if config.joint_low_pass != before.joint_low_pass:
            self._joint_filter = ButterworthLowPass(*config.joint_low_pass, self._joints.size)
        for stream, max_age_s in (
            (self.camera, config.camera_max_age_s),
            (self.imu, config.imu_max_age_s),
            (self.joint, config.joint_max_age_s),
        ):
            stream.max_age_s = max_age_s
            stream.future_tolerance_s = config.future_tolerance_s

    def take_joints(self, stamp_ns: int, now_ns: int, positions: ArrayLike) -> None:
        """Take joint positions (J,) [rad], finite and in the model's order."""
        if not self.joint.accept(stamp_ns, now_ns):
            self._joint_filter.reset()
        self._joints[:] = self._joint_filter(positions)

    def take_imu(self, stamp_ns: int, now_ns: int, sample: ArrayLike) -> None:
        """Take (6,) linear acceleration [m/s^2] and angular velocity [rad/s]."""
        sample = np.asarray(sample, dtype=np.float64)
        if not np.isfinite(sample).all():
            raise ValueError("acceleration or angular velocity is not finite")
        if not self.imu.accept(stamp_ns, now_ns):
            self._imu_filter.reset()
        self._imu[:] = self._imu_filter(sample)

    def take_embedding(self, stamp_ns: int, now_ns: int, embedding: ArrayLike) -> None:
        """Take the embedding (E,) of the picture of this stamp, finite."""
        self.camera.accept(stamp_ns, now_ns)
        self._embedding[:] = embedding

    @property
    def raw_features(self) -> NDArray[np.float32]:
        """A copy of the features (E + 6 + J,) in their own units."""
        return self._raw.copy()

    def features(self) -> NDArray[np.float32]:
        """The normalised features (E + 6 + J,), finite and within +-10."""
        return self._normaliser(self._raw)

    def ages(self, at_ns: int) -> Ages:
        """Ages of the modalities at an instant."""
        return Ages(self.camera.age_s(at_ns), self.imu.age_s(at_ns), self.joint.age_s(at_ns))

    def validity(self, ages: Ages) -> Validity:
        """Which modalities of these ages are valid."""
        return Validity(
            ages.camera_s <= self.camera.max_age_s,
            ages.imu_s <= self.imu.max_age_s,
            ages.joint_s <= self.joint.max_age_s,
        )

    def reset(self) -> None:
        """Forget stamps and filter states, keep the last values (the clock was set back)."""
        for stream in (self.camera, self.imu, self.joint):
            stream.reset()
        self._imu_filter.reset()
        self._joint_filter.reset()
