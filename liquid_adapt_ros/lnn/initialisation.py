"""Random initial weights with which the state, the activations and the outputs are of order 1."""

from __future__ import annotations

import numpy as np

from liquid_adapt_ros.lnn.cells.base import scaled
from liquid_adapt_ros.lnn.network_spec import NetworkSpec


def initial_params(spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return random learnable tensors (float32), those of the core as its cell wants them."""
    params = spec.core.initial_params(spec, rng)
    if spec.head:
        params |= {
            "head.hidden_weight": scaled(rng, (spec.head, spec.hidden)),
            "head.input_weight": scaled(rng, (spec.head, spec.features)),
            "head.bias": np.zeros(spec.head),
        }
    params |= {
        "readout.weight": scaled(rng, (spec.outputs, spec.head or spec.hidden)),
        "readout.bias": np.zeros(spec.outputs),
    }
    return {name: value.astype(np.float32) for name, value in params.items()}
