"""The compiled core over a window of samples, forward and backward, on numpy arrays.

The sources are in src/liquid_kernel/; `make build` compiles them. Time comes before batch here,
so that each step reads one block. Every row is padded to whole vectors of the processor: a state
(H,) is a row of `shape.state_row` numbers, and a layer of several segments (H,) is as many of
them side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from liquid_adapt_ros.compiled import kernel as _kernel
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.time_constants import log_range, time_constant

instruction_set = _kernel.instruction_set


def kernel_shape(spec: NetworkSpec) -> _kernel.Shape:
    """Return the sizes as the kernel knows them; ValueError where it lacks the solver."""
    return _kernel.Shape(spec.cell, spec.solver, spec.hidden, spec.backbone, spec.substeps)


def kernel_weights(spec: NetworkSpec, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the core's tensors by the kernel's names; time constants become rates [1/s]."""
    names = {
        "recurrent": "core.recurrent_weight",
        "output": "core.output_weight",
        "output_bias": "core.output_bias",
        "reversal": "core.reversal",
    }
    weights = {key: np.ascontiguousarray(params[n]) for key, n in names.items() if n in params}
    for key, name in (("decay", "core.tau_raw"), ("conductance", "core.synapse_tau_raw")):
        if name in params:
            weights[key] = 1.0 / time_constant(spec, params[name])
    return weights


def tau_range(spec: NetworkSpec) -> dict[str, float]:
    """Return what the kernel must know of the range of time constants."""
    return {"fastest_decay": 1.0 / spec.tau_min_s, "log_tau_range": log_range(spec)}


def by_precision(name: str, dtype: np.dtype) -> Any:
    """Return the kernel's float32 or float64 version of something; ValueError for others."""
    suffix = {np.dtype(np.float32): "32", np.dtype(np.float64): "64"}.get(dtype)
    if suffix is None:
        raise ValueError(f"weights must be float32 or float64, got {dtype}")
    return getattr(_kernel, name + suffix)


@dataclass(frozen=True)
class WindowTrace:
    """What the backward pass needs; dts (T, B) in the cell's unit of time.

    states (T + 1, B, row): before the first and after each sample. Of each evaluation of the
    equations: stage_states, layer, post (T, E, B, row).
    """

    dts: np.ndarray
    states: np.ndarray
    stage_states: np.ndarray
    layer: np.ndarray
    post: np.ndarray


@dataclass(frozen=True)
class WindowGradients:
    """Gradients of a loss; None where the cell has no such tensor.

    drive (T, B, D), hidden_state (B, H) before the window, recurrent (D, H), output, output_bias,
    decay, conductance, reversal (H,).
    """

    drive: np.ndarray
    hidden_state: np.ndarray
    recurrent: np.ndarray
    output: np.ndarray | None
    output_bias: np.ndarray | None
    decay: np.ndarray
    conductance: np.ndarray
    reversal: np.ndarray


class CoreWindow:
    """A core with fixed weights. weights: as kernel_weights returns them; they are copied."""

    def __init__(self, spec: NetworkSpec, weights: Mapping[str, np.ndarray]) -> None:
        self._shape = kernel_shape(spec)
        self._hidden, self._unit = spec.hidden, spec.core.time_unit_s(spec)
        self._dtype = weights["recurrent"].dtype
        core = by_precision("Core", self._dtype)
        self._core = core(self._shape, **weights, **tau_range(spec))
        # Arrays whose memory goes back to the kernel for the next window.
        self._empty = by_precision("empty", self._dtype)

    def forward(
        self, hidden_state: np.ndarray, drive: np.ndarray, dts_s: np.ndarray, keep_trace: bool
    ) -> tuple[np.ndarray, WindowTrace | None]:
        """Return the states (T, B, H) after each sample and, if wanted, the trace.

        hidden_state: (B, H), before the window. drive: (T, B, D), the projected input. dts_s:
        (T, B), time from sample to sample [s].
        """
        shape = self._shape
        time, batch, _ = drive.shape
        drive = _padded(drive, shape.layer_segments, shape.layer_row, self._dtype)
        dts = np.ascontiguousarray(dts_s / self._unit, self._dtype)
        states = self._empty((time + 1, batch, shape.state_row))
        states[0] = 0.0
        states[0, :, : self._hidden] = hidden_state
        trace = None
        if keep_trace:
            leading = (time, shape.evaluations, batch)
            trace = WindowTrace(
                dts,
                states,
                self._empty((*leading, shape.state_row)),
                self._empty((*leading, shape.layer_row)),
                self._empty((*leading, shape.post_row)),
            )
            self._core.forward(drive, dts, states, trace.stage_states, trace.layer, trace.post)
        else:
            self._core.forward(drive, dts, states)
        return states[1:, :, : self._hidden], trace

    def backward(self, trace: WindowTrace, state_gradients: np.ndarray) -> WindowGradients:
        """Return the gradients of a loss from dL/dh (T, B, H) of the state after each sample."""
        shape, hidden = self._shape, self._hidden
        layer = self._empty(trace.layer.shape)
        post = self._empty(trace.post.shape)
        start = np.empty(trace.states.shape[1:], self._dtype)
        vectors = np.zeros((3, shape.state_row), self._dtype)
        gradients = _padded(state_gradients, 1, shape.state_row, self._dtype)
        self._core.backward(
            trace.dts, trace.states, trace.stage_states, trace.layer, trace.post, gradients,
            layer, post, start, *vectors,
        )  # fmt: skip
        states = trace.stage_states[..., :hidden].reshape(-1, hidden)
        by_layer = _unpadded(layer, shape.layer_segments, shape.layer)
        flat = by_layer.reshape(-1, by_layer.shape[-1])
        output = output_bias = None
        if shape.post_segments:
            by_post = _unpadded(post, shape.post_segments, hidden)
            by_post = by_post.reshape(-1, by_post.shape[-1])
            output = by_post.T @ trace.layer[..., : shape.layer].reshape(-1, shape.layer)
            output_bias = by_post.sum(axis=0)
        return WindowGradients(
            # All evaluations of a sample share its input.
            by_layer.sum(axis=1),
            start[:, :hidden],
            flat.T @ states,
            output,
            output_bias,
            *vectors[:, :hidden],
        )


def _padded(values: np.ndarray, segments: int, row: int, dtype: np.dtype) -> np.ndarray:
    """Return (..., segments * n) values as contiguous (..., row), zeros after each segment."""
    size = values.shape[-1]
    if size == row:
        return np.ascontiguousarray(values, dtype)
    padded = np.zeros((*values.shape[:-1], segments, row // segments), dtype)
    padded[..., : size // segments] = values.reshape(*values.shape[:-1], segments, -1)
    return padded.reshape(*values.shape[:-1], row)


def _unpadded(rows: np.ndarray, segments: int, size: int) -> np.ndarray:
    """Return (..., row) rows as (..., segments * size), without what is after each segment."""
    if rows.shape[-1] == segments * size:
        return rows
    split = rows.reshape(*rows.shape[:-1], segments, -1)[..., :size]
    return split.reshape(*rows.shape[:-1], segments * size)
