"""Our float32 gradients against float64 autograd of the cell's plain equations."""

from __future__ import annotations

import numpy as np
from torch import nn

from liquid_adapt_ros.lnn import LiquidNetwork, initial_params
from liquid_adapt_ros.lnn.cells import CELLS
from liquid_adapt_ros.lnn.torch_core import has_kernel
from liquid_adapt_ros.tools.bench.plain_form import plain_network
from liquid_adapt_ros.tools.bench.settings import Workload
from liquid_adapt_ros.tools.bench.windows import window_gradient
from liquid_adapt_ros.tools.progress import Update


def gradient_errors(workload: Workload, update: Update) -> dict[str, float]:
    """The relative error for every cell and compiled solver, by cell/solver."""
    pairs = [
        (cell, solver)
        for cell, equations in CELLS.items()
        for solver in equations.solvers
        if has_kernel(workload.spec(cell, solver))
    ]
    errors = {}
    for number, (cell, solver) in enumerate(pairs):
        errors[f"{cell}/{solver}"] = gradient_error(workload, cell, solver)
        update(number + 1, len(pairs))
    return errors


def gradient_error(workload: Workload, cell: str, solver: str) -> float:
    """The largest max|difference| / max|gradient| among the network's tensors."""
    spec = workload.spec(cell, solver)
    params = initial_params(spec, np.random.default_rng(0))
    exact = {name: value.astype(np.float64) for name, value in params.items()}
    ours = _gradients(LiquidNetwork(spec, params), workload)
    reference = _gradients(plain_network(spec, exact), workload)
    return max(
        float(np.abs(ours[name] - wanted).max() / np.abs(wanted).max())
        for name, wanted in reference.items()
    )


def _gradients(network: nn.Module, workload: Workload) -> dict[str, np.ndarray]:
    window_gradient(network, workload.features, workload.window)()
    return {name: value.grad.double().numpy() for name, value in network.named_parameters()}
