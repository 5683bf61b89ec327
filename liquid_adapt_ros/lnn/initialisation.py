"""Random initial weights with which the state, the activations and the outputs are of order 1."""

from __future__ import annotations

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.time_constants import tau_raw_of, time_constant

# Share of the logarithmic range of tau that is used at the start: 0.02 to 0.5 s of 0.01 to 1 s.
TAU_SHARE = (0.15, 0.85)
# Gain of the loop h -> tanh -> tau f -> h; below 1 so that the state forgets.
RECURRENT_GAIN = 0.5


def initial_params(spec: PolicySpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return random learnable tensors (float32).

    Weights have variance 1 / inputs (LeCun et al., Efficient BackProp, 1998). A slow input drives
    h to tau f, so the rows of the output weight are divided by tau to keep h of order 1.
    """

    def scaled(name: str, gain: float) -> np.ndarray:
        shape = spec.shapes()[name]
        return rng.standard_normal(shape) * gain / np.sqrt(shape[1])

    low, high = TAU_SHARE
    tau = spec.tau_min_s * (spec.tau_max_s / spec.tau_min_s) ** rng.uniform(low, high, spec.hidden)
    tau_raw = tau_raw_of(spec, tau)
    params = {
        "core.input_weight": scaled("core.input_weight", 1.0),
        "core.recurrent_weight": scaled("core.recurrent_weight", RECURRENT_GAIN),
        "core.bias": np.zeros(spec.hidden),
        "core.output_weight": scaled("core.output_weight", 1.5)
        / time_constant(spec, tau_raw)[:, None],
        "core.output_bias": np.zeros(spec.hidden),
        "core.tau_raw": tau_raw,
        "head.hidden_weight": scaled("head.hidden_weight", 1.0),
        "head.input_weight": scaled("head.input_weight", 1.0),
        "head.bias": np.zeros(spec.head),
        "readout.weight": scaled("readout.weight", 1.0),
        "readout.bias": np.zeros(spec.outputs),
    }
    return {name: value.astype(np.float32) for name, value in params.items()}


def neutral_norm(spec: PolicySpec) -> dict[str, np.ndarray]:
    """Return fixed tensors that change nothing: mean 0, scale 1 (float32)."""
    return {
        name: (np.ones if name.endswith("scale") else np.zeros)(shape, np.float32)
        for name, shape in spec.norm_shapes().items()
    }
