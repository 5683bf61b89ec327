"""Time constants that stay in their range whatever the optimiser does.

tau = tau_min (tau_max / tau_min)^sigmoid(raw): the raw parameter is free, the time constant is
log-interpolated between the bounds.
"""

from __future__ import annotations

import math

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return the logistic function; written with tanh, which never overflows."""
    return 0.5 * np.tanh(0.5 * values) + 0.5


def time_constant(spec: PolicySpec, tau_raw: np.ndarray) -> np.ndarray:
    """Return tau [s] of the raw parameter, same shape and dtype, within the spec's range."""
    log_range = math.log(spec.tau_max_s / spec.tau_min_s)
    tau = spec.tau_min_s * np.exp(log_range * sigmoid(tau_raw))
    return np.clip(tau, spec.tau_min_s, spec.tau_max_s)


def tau_raw_of(spec: PolicySpec, tau_s: np.ndarray) -> np.ndarray:
    """Return the raw parameter of time constants strictly inside the spec's range."""
    fraction = np.log(tau_s / spec.tau_min_s) / math.log(spec.tau_max_s / spec.tau_min_s)
    return np.log(fraction) - np.log1p(-fraction)


def decay_gradient_to_raw(
    spec: PolicySpec, tau_raw: np.ndarray, decay_gradient: np.ndarray
) -> np.ndarray:
    """Turn dL/d(1/tau) into dL/d(tau_raw)."""
    share = sigmoid(tau_raw)
    log_range = math.log(spec.tau_max_s / spec.tau_min_s)
    decay = 1.0 / time_constant(spec, tau_raw)
    return -decay_gradient * decay * log_range * share * (1.0 - share)
