"""The window gradient: forward and backward through a window of samples. Our side of it."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from liquid_adapt_ros.lnn import LiquidNetwork
from liquid_adapt_ros.tools.bench.settings import Workload
from liquid_adapt_ros.tools.bench.steps import OURS, STEP_CELLS
from liquid_adapt_ros.tools.bench.timing import Subject

TRAINING_STEP = f"{OURS}, with AdamW"
_WITHOUT_HEAD = f"{OURS}, no head"


def our_windows(workload: Workload) -> dict[str, Subject]:
    """Every cell of the step comparison, and the ratios' one without head and with AdamW."""
    sizes = {"features": workload.features, "window": workload.window}
    subjects = {
        f"{cell}/{solver}": window_gradient(LiquidNetwork(workload.spec(cell, solver)), **sizes)
        for cell, solver in STEP_CELLS
    }
    headless = dataclasses.replace(workload, head=0)
    subjects[_WITHOUT_HEAD] = window_gradient(LiquidNetwork(headless.spec()), **sizes)
    subjects[TRAINING_STEP] = training_step(LiquidNetwork(workload.spec()), **sizes)
    return subjects


def window_gradient(network: nn.Module, features: int, window: int, batch: int = 1) -> Subject:
    """The gradient of the mean square of the outputs over one random window.

    network: answers outputs (B, T, O), or a tuple that begins with them, for a sequence
    (B, T, F). The call answers the loss; the gradients are in the parameters.
    """
    generator = torch.Generator().manual_seed(0)
    sequence = torch.randn(batch, window, features, generator=generator)
    parameters = list(network.parameters())
    sequence = sequence.to(parameters[0].dtype)

    def call() -> Tensor:
        for parameter in parameters:
            parameter.grad = None
        loss = outputs_of(network, sequence).square().mean()
        loss.backward()
        return loss.detach()

    return call


def training_step(network: nn.Module, features: int, window: int) -> Subject:
    """The window gradient followed by a step of AdamW; the call answers the loss."""
    gradient = window_gradient(network, features, window)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-4)

    def call() -> Tensor:
        loss = gradient()
        optimiser.step()
        return loss

    return call


def outputs_of(network: nn.Module, sequence: Tensor) -> Tensor:
    """The outputs (B, T, O), whether or not the network also answers a state."""
    answer = network(sequence)
    return answer[0] if isinstance(answer, tuple) else answer
