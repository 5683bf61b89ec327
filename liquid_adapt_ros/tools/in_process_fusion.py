"""What sensor_fusion does, for an episode of the simulator in the same process."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.fusion.normalise import Normaliser
from liquid_adapt_ros.fusion.observation import FusionConfig, Observer
from liquid_adapt_ros.fusion.preprocess import preprocess
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.sim.samples import CameraSample, TickResult

TICK_S = 0.01
MILLIMETRE = np.float32(0.001)


class PictureEncoder:
    """The encoder for robots that may see the same picture: the newest embeddings are kept."""

    def __init__(self, encoder: OnnxEncoder) -> None:
        self.sha256 = encoder.sha256
        self._encoder = encoder
        self._newest: deque[tuple[CameraSample, NDArray[np.float32]]] = deque(maxlen=64)

    def embedding(self, picture: CameraSample) -> NDArray[np.float32]:
        """The embedding (E,) of a picture."""
        for known, embedding in self._newest:
            if known is picture:
                return embedding
        embedding = self._encoder.encode(*encoder_input(picture))
        self._newest.append((picture, embedding))
        return embedding


class InProcessFusion:
    """A tick of the simulator in, the policy's features out.

    Raises ValueError where the encoder is not the one that the model belongs to.
    """

    def __init__(self, model: PolicyModel, encoder: PictureEncoder) -> None:
        self._encoder = encoder
        if encoder.sha256 != model.encoder_sha256:
            raise ValueError(f"encoder {encoder.sha256[:12]!r} is not the one of the model")
        normaliser = Normaliser(model.norm["norm.feature_mean"], model.norm["norm.feature_scale"])
        joints = model.spec.joint_names
        self._observer = Observer(normaliser, len(joints), FusionConfig())
        self._joint_order = JointOrder(joints)
        self._picture: CameraSample | None = None

    def tick(self, tick: TickResult) -> tuple[NDArray[np.float32], bool, float]:
        """Take the samples of a tick; a picture counts from the next tick on, being encoded.

        Returns the features (F,), whether fusion calls the sample usable: every modality is
        there and fresh, and how old its picture is [s].
        """
        now_ns = round(tick.time_s * NANOSECONDS)
        if self._picture is not None:
            self._take_picture(self._picture, now_ns)
        self._picture = tick.camera
        observe(self._observer, self._joint_order, tick, now_ns)
        ages = self._observer.ages(now_ns)
        return self._observer.features(), self._observer.validity(ages).all, ages.camera_s

    def _take_picture(self, picture: CameraSample, now_ns: int) -> None:
        stamp_ns = round(picture.stamp_s * NANOSECONDS)
        embedding = self._encoder.embedding(picture)
        self._observer.take_embedding(stamp_ns, now_ns, embedding)


def encoder_input(picture: CameraSample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Image and points as fusion makes them of a picture whose depth came as 16UC1."""
    depth_mm = np.rint(picture.depth_m * 1000.0).astype(np.uint16)
    return preprocess(picture.rgb, depth_mm * MILLIMETRE, picture.matrix)


def observe(observer: Observer, order: JointOrder, tick: TickResult, now_ns: int) -> None:
    """Give a tick's IMU and joint samples to fusion's observer, in the order of their stamps."""
    for sample in tick.imu:
        values = np.concatenate([sample.linear_acceleration, sample.angular_velocity])
        observer.take_imu(round(sample.stamp_s * NANOSECONDS), now_ns, values)
    joint = tick.joint
    positions = order.pick(joint.names, joint.position)
    observer.take_joints(round(joint.stamp_s * NANOSECONDS), now_ns, positions)
