"""What the finished policy shall not forget: windows of its training data, and how much each
weight mattered there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liquid_adapt_ros.adaptation.window_training import fisher_information
from liquid_adapt_ros.adaptation.windows import NominalSet, Windows
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.pretrain.sequences import PolicySequence
from liquid_adapt_ros.tools.pretrain.settings import NominalSettings


def nominal_set(
    model: PolicyModel,
    sequences: Sequence[PolicySequence],
    settings: NominalSettings,
    seed: int,
) -> NominalSet:
    """Draw windows, one from each of some episodes, and estimate the Fisher information on them.

    sequences: normalised, with features and outputs of the policy; longer than a window.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(sequences), min(settings.windows, len(sequences)), replace=False)
    windows = Windows.joined(
        [_window(model, sequences[index], settings.samples, rng) for index in chosen]
    )
    spec = model.spec
    weight = np.ones(spec.outputs, np.float32)
    fisher = fisher_information(spec.network, model.params, windows, weight)
    return NominalSet(model.fingerprint, windows, fisher)


def _window(
    model: PolicyModel,
    sequence: PolicySequence,
    samples: int,
    rng: np.random.Generator,
) -> Windows:
    spec = model.spec
    start = int(rng.integers(len(sequence.features) - samples + 1))
    stream = StatefulStream(spec.network, model.params)
    for features in sequence.features[:start]:
        stream.step(features, spec.step_s)
    part = slice(start, start + samples)
    return Windows(
        features=sequence.features[part][None].astype(np.float32),
        dt_s=np.full((1, samples), spec.step_s, np.float32),
        hidden_state=stream.hidden_state[None],
        target=sequence.outputs[part][None].astype(np.float32),
    )
