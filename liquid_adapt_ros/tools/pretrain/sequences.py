"""Recordings as the policy meets them: 100 Hz features made exactly as fusion makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.preprocess import preprocess
from liquid_adapt_ros.lnn.spec import FeatureLayout, OutputLayout, PolicySpec
from liquid_adapt_ros.tools.in_process_fusion import MILLIMETRE, TICK_S
from liquid_adapt_ros.tools.pretrain.record import Recording

# No feature is scaled up more than this allows: a wrist that never turned by more than 1 mrad in
# training must not saturate the network when an encoder is off by 10 mrad.
SMALLEST_SCALE = {"embedding": 0.02, "acceleration": 0.1, "angular_velocity": 0.02, "joints": 0.1}
SMALLEST_OUTPUT_SCALE = {"joint_velocity": 0.1, "base": 0.05, "gripper": 0.1}


@dataclass(frozen=True)
class PolicySequence:
    """One episode of T ticks.

    Attributes:
        features: (T, F) in their own units; the embedding is NaN before the first picture.
        outputs: (T, O) planner's action and the target's position one horizon later, in physical
            units; the position is NaN where the target is none or another one by then, and
            before the first picture.
    """

    features: NDArray[np.float32]
    outputs: NDArray[np.float32]


def embed(recording: Recording, encoder: OnnxEncoder) -> NDArray[np.float32]:
    """The embeddings (P, E) of a recording's pictures, by the encoder that flies."""
    pictures = zip(recording.rgb, recording.depth_mm, strict=True)
    return np.stack(
        [
            encoder.encode(*preprocess(rgb, depth * MILLIMETRE, recording.intrinsics))
            for rgb, depth in pictures
        ]
    )


def policy_sequence(
    recording: Recording, embeddings: NDArray[np.float32], spec: PolicySpec
) -> PolicySequence:
    """Features and outputs of a recording; a picture counts from the tick after it arrived."""
    ticks = len(recording.action)
    newest = np.searchsorted(recording.arrived_tick, np.arange(ticks)) - 1
    held = np.where((newest >= 0)[:, None], embeddings[newest], np.nan)
    features = np.concatenate([held, recording.proprioception], axis=1)
    position = future_position(recording, spec.horizon_s)
    position[newest < 0] = np.nan
    outputs = np.concatenate([recording.action, position], axis=1)
    return PolicySequence(features.astype(np.float32), outputs.astype(np.float32))


def future_position(recording: Recording, horizon_s: float) -> NDArray[np.float32]:
    """Position (T, 3) of each tick's target one horizon later; NaN if it is not the target then.

    What happened in between counts too: a target lost and found again is another sample.
    """
    ahead = round(horizon_s / TICK_S)
    ids, ticks = recording.target_id, len(recording.target_id)
    position = np.full((ticks, 3), np.nan, np.float32)
    changes = np.concatenate([[0], np.cumsum(np.diff(ids) != 0)])
    same = np.flatnonzero((ids[:-ahead] >= 0) & (changes[:-ahead] == changes[ahead:]))
    position[same] = recording.target[same + ahead]
    return position


def normalisation(
    sequences: Sequence[PolicySequence], spec: PolicySpec
) -> dict[str, NDArray[np.float32]]:
    """The fixed tensors of the model: mean and scale of features and outputs over all ticks.

    The three coordinates of the position share one scale, so that an error counts the same in
    every direction.
    """
    features = np.concatenate([item.features for item in sequences]).astype(np.float64)
    outputs = np.concatenate([item.outputs for item in sequences]).astype(np.float64)
    feature_scale = np.maximum(np.nanstd(features, axis=0), _smallest_scales(spec.inputs))
    output_scale = np.nanstd(outputs, axis=0)
    slices = spec.layout.slices()
    output_scale[slices["position"]] = output_scale[slices["position"]].max()
    norm = {
        "norm.feature_mean": np.nanmean(features, axis=0),
        "norm.feature_scale": feature_scale,
        "norm.output_mean": np.nanmean(outputs, axis=0),
        "norm.output_scale": np.maximum(output_scale, _smallest_output_scales(spec.layout)),
    }
    return {name: value.astype(np.float32) for name, value in norm.items()}


def _smallest_scales(layout: FeatureLayout) -> NDArray[np.float64]:
    scales = np.empty(layout.size)
    slices = layout.slices()
    scales[slices["embedding"]] = SMALLEST_SCALE["embedding"]
    half = layout.imu // 2
    scales[slices["imu"]] = [SMALLEST_SCALE["acceleration"]] * half + [
        SMALLEST_SCALE["angular_velocity"]
    ] * half
    scales[slices["joints"]] = SMALLEST_SCALE["joints"]
    return scales


def _smallest_output_scales(layout: OutputLayout) -> NDArray[np.float64]:
    scales = np.full(layout.size, 1e-6)
    for group, smallest in SMALLEST_OUTPUT_SCALE.items():
        scales[layout.slices()[group]] = smallest
    return scales
