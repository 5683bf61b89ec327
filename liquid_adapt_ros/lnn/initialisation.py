"""Random initial weights with which the state, the activations and the outputs are of order 1."""

from __future__ import annotations

import numpy as np

from liquid_adapt_ros.lnn.cells.base import scaled
from liquid_adapt_ros.lnn.network_spec import NetworkSpec


def initial_params(spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return random learnable tensors (float32), those of the core as its cell wants them."""
    params = spec.core.initial_params(spec, rng)
    resting_state = spec.core.resting_state(spec, params)
    if spec.head:
        params |= {
            "head.hidden_weight": scaled(rng, (spec.head, spec.hidden)),
            "head.input_weight": scaled(rng, (spec.head, spec.features)),
        }
        params["head.bias"] = -params["head.hidden_weight"] @ resting_state
    params["readout.weight"] = scaled(rng, (spec.outputs, spec.head or spec.hidden))
    params["readout.bias"] = (
        np.zeros(spec.outputs) if spec.head else -params["readout.weight"] @ resting_state
    )
    return {name: value.astype(np.float32) for name, value in params.items()}
