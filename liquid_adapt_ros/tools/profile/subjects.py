"""What profile_model runs: the encoder, a window of core and head, and a training step on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.export.torch_encoder import torch_encoder
from liquid_adapt_ros.tools.pretrain.export import random_inputs

Call = Callable[[], object]


def encoder_forward(path: Path) -> Call:
    """One picture through the encoder in torch; ValueError where the file has no torch form."""
    encoder = torch_encoder(path.read_bytes())
    inputs = [torch.from_numpy(part) for part in random_inputs(1, seed=0)]

    def call() -> object:
        with torch.no_grad():
            return encoder(*inputs)

    return call


def window_forward(model: PolicyModel, window_s: float) -> Call:
    """A window of core and head, without gradients."""
    network = LiquidNetwork(model.spec.network, model.params)
    sequence = _random_window(model, window_s)

    def call() -> object:
        with torch.no_grad():
            return network(sequence)

    return call


def window_training(model: PolicyModel, window_s: float) -> Call:
    """A training step on a window: forward, backward, AdamW."""
    network = LiquidNetwork(model.spec.network, model.params)
    sequence = _random_window(model, window_s)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def call() -> None:
        optimiser.zero_grad()
        outputs, _ = network(sequence)
        outputs.square().mean().backward()
        optimiser.step()

    return call


def _random_window(model: PolicyModel, window_s: float) -> torch.Tensor:
    spec = model.spec.network
    samples = max(1, round(window_s / spec.step_s))
    values = np.random.default_rng(0).standard_normal((1, samples, spec.features))
    return torch.from_numpy(values.astype(np.float32))
