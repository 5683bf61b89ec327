"""What encoder and policy see on the robot, recorded from an episode of the built-in simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.fusion.normalise import Normaliser
from liquid_adapt_ros.fusion.observation import FusionConfig, Observer
from liquid_adapt_ros.fusion.preprocess import preprocess
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.pretrain.record import (
    HELD_OUT,
    TICK_S,
    episode_rng,
    nominal_episode,
    observe,
)
from liquid_adapt_ros.tools.pretrain.sequences import MILLIMETRE


@dataclass(frozen=True)
class RecordedInput:
    """T ticks, 10 ms apart, and the P pictures taken meanwhile.

    Attributes:
        images, points: (P, 4, 96, 128), (P, 4, 24, 32) as fusion.preprocess makes them.
        features: (T, F) normalised.
    """

    images: NDArray[np.float32]
    points: NDArray[np.float32]
    features: NDArray[np.float32]


def record_input(model: PolicyModel, encoder: OnnxEncoder, duration_s: float) -> RecordedInput:
    """Run an episode that nothing was trained on, with the planner driving."""
    episode = nominal_episode(episode_rng(0, HELD_OUT, 0))
    joints = model.spec.joint_names
    normaliser = Normaliser(model.norm["norm.feature_mean"], model.norm["norm.feature_scale"])
    observer = Observer(normaliser, len(joints), FusionConfig())
    order = JointOrder(joints)
    pictures, features = [], []
    for _ in range(round(duration_s / TICK_S)):
        tick = episode.tick(None)
        now_ns = round(tick.time_s * NANOSECONDS)
        if tick.camera is not None:
            depth_mm = np.rint(tick.camera.depth_m * 1000.0).astype(np.uint16)
            pictures.append(preprocess(tick.camera.rgb, depth_mm * MILLIMETRE, tick.camera.matrix))
            stamp_ns = round(tick.camera.stamp_s * NANOSECONDS)
            observer.take_embedding(stamp_ns, now_ns, encoder.encode(*pictures[-1]))
        observe(observer, order, tick, now_ns)
        features.append(observer.features())
    images, points = (np.array(part) for part in zip(*pictures, strict=True))
    return RecordedInput(images, points, np.array(features))
