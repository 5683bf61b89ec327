"""Exact gradients of core and head over a window (discretise, then differentiate).

The forward pass keeps the states and activations of every RK4 stage; the backward pass goes
through the same stages in reverse. What can wait for the end of the window is one matrix product
over all stages: the gradients of the weights.

For a stage with state s, activation a = tanh(W_rec s + u) and rate k = W_out a + b_out - s / tau,
and for the cotangent k* of its rate: z* = (1 - a^2) W_out' k*, s* = W_rec' z* - k* / tau.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liquid_adapt_ros.lnn import kernel
from liquid_adapt_ros.lnn.head import head_drive, read_out, silu, silu_derivative
from liquid_adapt_ros.lnn.kernel import RATE_WEIGHTS, STAGE_SHARES, STAGES, Params
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.time_constants import decay_gradient_to_raw, time_constant


@dataclass(frozen=True)
class Trace:
    """What the backward pass needs of the forward pass; time comes before batch.

    features (T, B, F); stage_states (T, 4, B, H): the state of each stage; stage_activations
    (T, 4, B, H): its tanh; states (T, B, H): after each sample; head_drive, phi (T, B, P): input
    and output of the head's activation; steps: the step of each sample [s].
    """

    features: np.ndarray
    stage_states: np.ndarray
    stage_activations: np.ndarray
    states: np.ndarray
    head_drive: np.ndarray
    phi: np.ndarray
    steps: list[float]


@dataclass(frozen=True)
class WindowGradients:
    """Gradients of a loss: params by tensor name; hidden_state (B, H), before the window."""

    params: dict[str, np.ndarray]
    hidden_state: np.ndarray


def forward(
    spec: PolicySpec,
    params: Params,
    hidden_state: np.ndarray,
    features: np.ndarray,
    dt_s: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray, Trace]:
    """Run the policy over a window and keep what the backward pass needs.

    Arguments as in kernel.unroll. Returns the normalised outputs (B, T, O), the last state (B, H)
    and the trace.
    """
    features = kernel.time_major(features)
    window, batch, _ = features.shape
    steps = kernel.step_sequence(spec, dt_s, window)
    core = kernel.Rk4Core(spec, params, batch)
    drive = kernel.core_drive(params, features)
    stage_states = np.empty((window, STAGES, batch, spec.hidden), drive.dtype)
    stage_activations = np.empty_like(stage_states)
    states = np.empty((window, batch, spec.hidden), drive.dtype)
    state = hidden_state
    for t in range(window):
        stage_states[t, 0] = state
        state = states[t]
        core.advance(drive[t], steps[t], list(stage_states[t]), list(stage_activations[t]), state)
    driven = head_drive(params, states, features)
    phi = silu(driven)
    trace = Trace(features, stage_states, stage_activations, states, driven, phi, steps)
    return read_out(params, phi).swapaxes(0, 1), states[-1].copy(), trace


def backward(
    spec: PolicySpec,
    params: Params,
    trace: Trace,
    output_gradient: np.ndarray,
    last_state_gradient: np.ndarray | None = None,
) -> WindowGradients:
    """Return the gradients of a loss with respect to every learnable tensor.

    params: those of the forward pass. output_gradient: dL/dy (B, T, O), zero where an output does
    not count. last_state_gradient: dL/dh (B, H) of the last state, none if it does not count.
    """
    gradients, state_gradients = _head_backward(
        params, trace, kernel.time_major(output_gradient).astype(trace.phi.dtype, copy=False)
    )
    if last_state_gradient is not None:
        state_gradients[-1] += last_state_gradient
    rates, drives, hidden_state = _core_backward(spec, params, trace, state_gradients)
    gradients |= _core_weight_gradients(spec, params, trace, rates, drives)
    return WindowGradients({name: gradients[name] for name in spec.shapes()}, hidden_state)


def _head_backward(
    params: Params, trace: Trace, outputs: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the gradients of head and readout, and dL/dh through the outputs (T, B, H)."""
    drives = (outputs @ params["readout.weight"]) * silu_derivative(trace.head_drive)
    gradients = {
        "readout.weight": _sum_of_products(outputs, trace.phi),
        "readout.bias": _sum_over_samples(outputs),
        "head.hidden_weight": _sum_of_products(drives, trace.states),
        "head.input_weight": _sum_of_products(drives, trace.features),
        "head.bias": _sum_over_samples(drives),
    }
    return gradients, drives @ params["head.hidden_weight"]


def _core_backward(
    spec: PolicySpec, params: Params, trace: Trace, state_gradients: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Go back through the steps.

    Returns the cotangents of every stage's rate and of the argument of its tanh (T, 4, B, H), and
    of the state before the window (B, H).
    """
    window, _, batch, hidden = trace.stage_states.shape
    dtype = state_gradients.dtype
    recurrent = np.ascontiguousarray(params["core.recurrent_weight"])
    output = np.ascontiguousarray(params["core.output_weight"])
    decay = np.tile(1.0 / time_constant(spec, params["core.tau_raw"]), (batch, 1))
    slopes = 1.0 - trace.stage_activations**2
    rates, drives = np.empty_like(slopes), np.empty_like(slopes)
    state_cotangent = np.zeros((batch, hidden), dtype)
    stage_cotangent = np.empty((batch, hidden), dtype)
    work = np.empty((batch, hidden), dtype)
    dt_s = None
    for t in range(window - 1, -1, -1):
        if trace.steps[t] != dt_s:
            dt_s = trace.steps[t]
            weights = [np.array(weight * dt_s, dtype) for weight in RATE_WEIGHTS]
            # A stage reaches the next one's state through its rate.
            reach = [np.array(share * dt_s, dtype) for share in (*STAGE_SHARES[1:], 0.0)]
        np.add(state_cotangent, state_gradients[t], state_cotangent)
        for stage in range(STAGES):
            np.multiply(state_cotangent, weights[stage], rates[t, stage])
        for stage in range(STAGES - 1, -1, -1):
            rate, drive = rates[t, stage], drives[t, stage]
            if stage < STAGES - 1:
                np.multiply(stage_cotangent, reach[stage], work)
                np.add(rate, work, rate)
            rate.dot(output, drive)
            np.multiply(drive, slopes[t, stage], drive)
            drive.dot(recurrent, stage_cotangent)
            np.multiply(rate, decay, work)
            np.subtract(stage_cotangent, work, stage_cotangent)
            np.add(state_cotangent, stage_cotangent, state_cotangent)
    return rates, drives, state_cotangent


def _core_weight_gradients(
    spec: PolicySpec, params: Params, trace: Trace, rates: np.ndarray, drives: np.ndarray
) -> dict[str, np.ndarray]:
    # All stages of a sample share its input: their cotangents add up before the product.
    sample_drives = drives.sum(axis=1)
    decay_gradient = -np.einsum("tsbh,tsbh->h", rates, trace.stage_states)
    return {
        "core.input_weight": _sum_of_products(sample_drives, trace.features),
        "core.recurrent_weight": _sum_of_products(drives, trace.stage_states),
        "core.bias": _sum_over_samples(sample_drives),
        "core.output_weight": _sum_of_products(rates, trace.stage_activations),
        "core.output_bias": _sum_over_samples(rates),
        "core.tau_raw": decay_gradient_to_raw(spec, params["core.tau_raw"], decay_gradient),
    }


def _sum_of_products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the sum over all leading axes of outer products: (..., M), (..., N) -> (M, N)."""
    return left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])


def _sum_over_samples(values: np.ndarray) -> np.ndarray:
    """Return the sum over all leading axes: (..., N) -> (N,)."""
    return values.reshape(-1, values.shape[-1]).sum(axis=0)
