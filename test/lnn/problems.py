"""Random networks and windows, for the tests of this and other folders."""

import numpy as np
import torch

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec, initial_params
from liquid_adapt_ros.lnn.cells import CELLS
from liquid_adapt_ros.lnn.spec import PolicySpec

COMPILED = [
    (name, solver)
    for name, cell in CELLS.items()
    for solver in cell.solvers
    if not solver.startswith("dopri5")
]
ODE_CELLS = ["liquid_ode", "liquid_tau", "ltc"]


def small_spec(cell: str, solver: str, **changes) -> NetworkSpec:
    """Sizes of which none is a multiple of a vector of the processor, all different; the design's
    range of time constants for every solver."""
    sizes = {"features": 6, "outputs": 3, "hidden": 5, "head": 7, "backbone": 11}
    times = {"step_s": 0.01, "tau_min_s": 0.01, "tau_max_s": 1.0}
    return NetworkSpec(cell=cell, solver=solver, **sizes | times | changes)


def random_params(spec: NetworkSpec, seed: int, dtype=np.float64) -> dict[str, np.ndarray]:
    """Initial weights with random biases, so that no gradient is zero by chance."""
    rng = np.random.default_rng(seed)
    return {
        name: (value + 0.1 * rng.standard_normal(value.shape)).astype(dtype)
        for name, value in initial_params(spec, rng).items()
    }


def random_window(
    spec: NetworkSpec, batch: int, window: int, seed: int, dtype=np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """Initial states (B, H) and features (B, T, F)."""
    rng = np.random.default_rng(seed)
    hidden_state = rng.standard_normal((batch, spec.hidden)).astype(dtype)
    features = rng.standard_normal((batch, window, spec.features)).astype(dtype)
    return hidden_state, features


def irregular_steps(spec: NetworkSpec, batch: int, window: int, seed: int) -> np.ndarray:
    """Times from sample to sample (B, T) [s], from a tenth of the spec's step to the whole."""
    return spec.step_s * np.random.default_rng(seed).uniform(0.1, 1.0, (batch, window))


def run_window(
    spec: NetworkSpec, params, hidden_state: np.ndarray, features: np.ndarray, dts_s=None
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (B, T, O) and states (B, T, H) of the window form, as arrays."""
    network = LiquidNetwork(spec, params)
    sequence = torch.from_numpy(features)
    with torch.no_grad():
        states, _ = network.core.unroll(torch.from_numpy(hidden_state), sequence, dts_s)
        outputs = network.read_out(network.phi(states, sequence))
    return outputs.numpy(), states.numpy()


def neutral_norm(spec: PolicySpec) -> dict[str, np.ndarray]:
    """Fixed tensors of a policy that change nothing: mean 0, scale 1 (float32)."""
    return {
        name: (np.ones if name.endswith("scale") else np.zeros)(shape, np.float32)
        for name, shape in spec.norm_shapes().items()
    }
