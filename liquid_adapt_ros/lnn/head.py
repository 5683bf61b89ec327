"""The head: policy features of state and input, and the linear readout of the outputs.

phi = silu(W_h h + W_x x + b_p), y = W_y phi + b_y, both for any number of leading axes.
"""

from __future__ import annotations

import numpy as np

from liquid_adapt_ros.lnn.kernel import Params, unroll
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.time_constants import sigmoid


def head_drive(params: Params, hidden_states: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return W_h h + W_x x + b_p (..., P) for states (..., H) and features (..., F)."""
    return (
        hidden_states @ params["head.hidden_weight"].T
        + features @ params["head.input_weight"].T
        + params["head.bias"]
    )


def silu(values: np.ndarray) -> np.ndarray:
    """Return v sigmoid(v) (Elfwing et al., arXiv 1702.03118)."""
    return values * sigmoid(values)


def silu_derivative(values: np.ndarray) -> np.ndarray:
    """Return the derivative of silu."""
    share = sigmoid(values)
    return share * (1.0 + values * (1.0 - share))


def policy_features(params: Params, hidden_states: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return phi (..., P), what the readout reads, for states (..., H) and inputs (..., F)."""
    return silu(head_drive(params, hidden_states, features))


def read_out(params: Params, phi: np.ndarray) -> np.ndarray:
    """Return y (..., O), the normalised outputs, for policy features (..., P)."""
    return phi @ params["readout.weight"].T + params["readout.bias"]


def policy_outputs(
    spec: PolicySpec,
    params: Params,
    hidden_state: np.ndarray,
    features: np.ndarray,
    dt_s: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the whole policy over a window.

    Arguments as in kernel.unroll. Returns the normalised outputs (B, T, O) and the states
    (B, T, H).
    """
    states = unroll(spec, params, hidden_state, features, dt_s)
    return read_out(params, policy_features(params, states, features)), states


def denormalise(norm: Params, outputs: np.ndarray) -> np.ndarray:
    """Return physical outputs (..., O) of normalised ones."""
    return norm["norm.output_mean"] + norm["norm.output_scale"] * outputs
