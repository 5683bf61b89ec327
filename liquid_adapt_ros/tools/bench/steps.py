"""The streaming step: one sample in, the outputs out, the state carried. Our side of it."""

from __future__ import annotations

import numpy as np
import torch

from liquid_adapt_ros.lnn import NetworkSpec, StreamingStep, initial_params
from liquid_adapt_ros.tools.bench.plain_form import plain_network
from liquid_adapt_ros.tools.bench.settings import Workload
from liquid_adapt_ros.tools.bench.timing import Subject

# The cells and solvers that are listed; the first is the one that the ratios are made with.
STEP_CELLS = (
    ("liquid_ode", "rk4"),
    ("liquid_ode", "exponential"),
    ("liquid_tau", "rk4"),
    ("ltc", "fused"),
    ("cfc", "closed_form"),
)
OURS = "/".join(STEP_CELLS[0])


def our_steps(workload: Workload) -> dict[str, Subject]:
    """Core, head and readout of each cell, compiled, by cell/solver."""
    return {
        f"{cell}/{solver}": streaming_step(workload.spec(cell, solver))
        for cell, solver in STEP_CELLS
    }


def streaming_step(spec: NetworkSpec) -> Subject:
    """One compiled step with random weights and a random sample; answers outputs (O,)."""
    rng = np.random.default_rng(0)
    step = StreamingStep(spec, initial_params(spec, rng))
    hidden_state = np.zeros(spec.hidden, np.float32)
    features = rng.standard_normal(spec.features).astype(np.float32)
    step_s = spec.step_s

    def call() -> np.ndarray:
        return step(hidden_state, features, step_s)[0]

    return call


def plain_step(spec: NetworkSpec) -> Subject:
    """The same step by torch operations, without gradients; answers outputs (1, 1, O)."""
    network = plain_network(spec)
    sequence = torch.randn(1, 1, spec.features, generator=torch.Generator().manual_seed(0))
    state = torch.zeros(1, spec.hidden)

    @torch.no_grad()
    def call() -> torch.Tensor:
        nonlocal state
        outputs, state = network(sequence, state)
        return outputs

    return call
