"""What the network could reach: trained offline, with the truth, on the disturbed world itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.window_training import TrainingSettings, WindowTraining
from liquid_adapt_ros.adaptation.windows import Windows
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.adaptation.disturbances import CHANGE_S, RETURN_S
from liquid_adapt_ros.tools.adaptation.streams import Stream
from liquid_adapt_ros.tools.in_process_fusion import TICK_S

LENGTH, BURN_IN, BATCH = 120, 20, 32
# Learning rate and optimiser steps, one after the other.
SCHEDULE = ((2e-3, 300), (5e-4, 200))
POSITION_WEIGHT, ACTION_WEIGHT = 1.0, 0.1


def train_oracle(
    model: PolicyModel, streams: Sequence[Stream], seed: int
) -> dict[str, NDArray[np.float32]]:
    """The shipped network trained on streams that were disturbed as a whole phase long."""
    rng = np.random.default_rng(seed)
    windows = Windows.joined([_windows(model, stream) for stream in streams])
    weight = np.full(model.spec.outputs, ACTION_WEIGHT, np.float32)
    weight[model.spec.layout.slices()["position"]] = POSITION_WEIGHT
    params = model.params
    for learning_rate, steps in SCHEDULE:
        settings = TrainingSettings(
            learning_rate=learning_rate, bias_learning_rate=learning_rate, elastic_strength=0.0
        )
        training = WindowTraining(model.spec.network, params, weight, settings)
        for _ in range(steps):
            batch = windows.select(rng.choice(len(windows), BATCH))
            training.step([batch], [np.ones(len(batch), np.float32)])
        params = training.params()
    return params


def _windows(model: PolicyModel, stream: Stream) -> Windows:
    """Overlapping windows of the disturbed phase, labelled with the truth."""
    spec, norm = model.spec, model.norm
    ahead = round(spec.horizon_s / TICK_S)
    outputs = np.full((len(stream), spec.outputs), np.nan, np.float32)
    outputs[:, : stream.action.shape[1]] = stream.action
    changes = np.concatenate([[0], np.cumsum(np.diff(stream.target_id) != 0)])
    same = np.flatnonzero((stream.target_id[:-ahead] >= 0) & (changes[:-ahead] == changes[ahead:]))
    outputs[same, spec.layout.slices()["position"]] = stream.target[same + ahead]
    outputs = (outputs - norm["norm.output_mean"]) / norm["norm.output_scale"]
    network = StatefulStream(spec.network, model.params)
    parts = []
    starts = range(round(CHANGE_S / TICK_S), round(RETURN_S / TICK_S) - LENGTH, LENGTH // 2)
    begins = set(starts)
    for tick in range(starts[-1] + 1):
        if tick in begins:
            rows = slice(tick, tick + LENGTH)
            parts.append(
                Windows(
                    features=stream.features[rows][None],
                    dt_s=np.full((1, LENGTH), TICK_S, np.float32),
                    hidden_state=network.hidden_state[None],
                    target=outputs[rows][None].astype(np.float32),
                )
            )
        network.step(stream.features[tick], TICK_S)
    return Windows.joined(parts).without_start(BURN_IN)
