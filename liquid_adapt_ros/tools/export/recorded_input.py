"""What encoder and policy see on the robot, recorded from an episode of the built-in simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.in_process_fusion import (
    TICK_S,
    InProcessFusion,
    PictureEncoder,
    encoder_input,
)
from liquid_adapt_ros.tools.pretrain.record import HELD_OUT, episode_rng, nominal_episode


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
    fusion = InProcessFusion(model, PictureEncoder(encoder))
    pictures, features = [], []
    for _ in range(round(duration_s / TICK_S)):
        tick = episode.tick(None)
        if tick.camera is not None:
            pictures.append(encoder_input(tick.camera))
        features.append(fusion.tick(tick)[0])
    images, points = (np.array(part) for part in zip(*pictures, strict=True))
    return RecordedInput(images, points, np.array(features))
