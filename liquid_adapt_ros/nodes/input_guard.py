"""Whether a FusedState may move the robot, and may be put into the network at all."""

from collections.abc import Mapping
from math import inf

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.msg import FusedState


class UnusableInput(ValueError):
    """A FusedState that the network must not see; the text is the reason."""


class InputGuard:
    """Checks each FusedState against the model and the age limits.

    Arguments:
        fingerprint: of the model.
        features: number of features that the model takes.
        limits: `input_max_age_s`, `camera_max_age_s`, `imu_max_age_s`, `joint_max_age_s` [s],
            read at each check.
    """

    def __init__(self, fingerprint: str, features: int, limits: Mapping[str, float]) -> None:
        self._fingerprint = fingerprint
        self._features = features
        self._limits = limits
        self._newest_ns: int | None = None
        self._may_restart = False

    def features(self, message: FusedState, stamp_ns: int) -> tuple[NDArray[np.float32], float]:
        """Return the features (F,) and the time since the ones before [s].

        The time is inf where it isn't known: at the first, and after the stamps started anew.

        Raises:
            UnusableInput: another model's, the wrong number, not finite or not newer.
        """
        if message.fingerprint != self._fingerprint:
            raise UnusableInput(
                f"fused_state is for model {message.fingerprint[:12]!r}, "
                f"this one is {self._fingerprint[:12]!r}"
            )
        features = np.asarray(message.features, dtype=np.float32)
        if features.size != self._features:
            raise UnusableInput(f"{features.size} features, the model takes {self._features}")
        if not np.isfinite(features).all():
            raise UnusableInput("features are not finite")
        dt_s = inf if self._newest_ns is None else (stamp_ns - self._newest_ns) / NANOSECONDS
        if dt_s <= 0.0:
            if not self._may_restart:
                raise UnusableInput(f"the stamp of fused_state went back by {-dt_s:.3f} s")
            dt_s = inf
        self._newest_ns = stamp_ns
        self._may_restart = False
        return features, dt_s

    def staleness(self, message: FusedState, stamp_ns: int, now_ns: int) -> str:
        """Why the robot must not move on this input, or an empty string if it may."""
        delay_s = max(0.0, (now_ns - stamp_ns) / NANOSECONDS)
        ages = (
            ("fused_state", delay_s, self._limits["input_max_age_s"]),
            ("the joint sample", message.joint_age_s, self._limits["joint_max_age_s"]),
            ("the IMU sample", message.imu_age_s, self._limits["imu_max_age_s"]),
            ("the picture", message.camera_age_s, self._limits["camera_max_age_s"]),
        )
        for what, age_s, limit_s in ages:
            if age_s == inf:
                return f"{what} never came"
            if not age_s <= limit_s:
                return f"{what} is {age_s:.3f} s old, the limit is {limit_s:g} s"
        return ""

    def allow_restart(self) -> None:
        """Let the next stamp be older than the newest (after a silence: a new sender)."""
        self._may_restart = True

    def reset(self) -> None:
        """Forget the stamps (the clock was set back)."""
        self._newest_ns = None
