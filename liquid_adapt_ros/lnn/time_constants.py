"""Time constants that stay in their range whatever the optimiser does.

tau = tau_min (tau_max / tau_min)^sigmoid(raw): the raw parameter is free, the time constant is
log-interpolated between the bounds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from liquid_adapt_ros.lnn.network_spec import NetworkSpec


def log_range(spec: NetworkSpec) -> float:
    """Return log(tau_max / tau_min)."""
    return math.log(spec.tau_max_s / spec.tau_min_s)


def time_constant(spec: NetworkSpec, tau_raw: np.ndarray) -> np.ndarray:
    """Return tau [s] of the raw parameter, same shape and dtype, within the spec's range."""
    share = 0.5 * np.tanh(0.5 * tau_raw) + 0.5  # the sigmoid, in a form that never overflows
    tau = spec.tau_min_s * np.exp(log_range(spec) * share)
    return np.clip(tau, spec.tau_min_s, spec.tau_max_s)


def torch_decay(spec: NetworkSpec, tau_raw: Tensor) -> Tensor:
    """Return 1 / tau [1/s] of the raw parameter, with its gradient."""
    return (tau_raw.sigmoid() * -log_range(spec)).exp() / spec.tau_min_s


def tau_raw_of(spec: NetworkSpec, tau_s: np.ndarray) -> np.ndarray:
    """Return the raw parameter of time constants strictly inside the spec's range."""
    fraction = np.log(tau_s / spec.tau_min_s) / log_range(spec)
    return np.log(fraction) - np.log1p(-fraction)
