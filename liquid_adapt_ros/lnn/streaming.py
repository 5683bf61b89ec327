"""A whole network one sample at a time, with the state carried and no allocation per step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from liquid_adapt_ros.lnn.kernel import by_precision, kernel_shape, kernel_weights, tau_range
from liquid_adapt_ros.lnn.network_spec import NetworkSpec


class StreamingStep:
    """Core, head and readout with fixed weights, compiled; torch is not needed.

    spec: its sizes. params: tensors named as in spec.shapes(), float32 or float64; they are
    copied: new weights need a new StreamingStep, so that a swap is one assignment. Raises
    ValueError where they do not fit or where the kernel lacks the solver.
    """

    def __init__(self, spec: NetworkSpec, params: Mapping[str, np.ndarray]) -> None:
        spec.check_params(params)
        self.dtype = params["readout.weight"].dtype
        names = {
            "input": "core.input_weight",
            "bias": "core.bias",
            "head_input": "head.input_weight",
            "head_bias": "head.bias",
            "head_hidden": "head.hidden_weight",
            "readout": "readout.weight",
            "readout_bias": "readout.bias",
        }
        around = {key: np.ascontiguousarray(params[n]) for key, n in names.items() if n in params}
        self._stream = by_precision("Stream", self.dtype)(
            kernel_shape(spec), **kernel_weights(spec, params), **tau_range(spec), **around
        )
        self._unit = spec.core.time_unit_s(spec)
        # Round-off of a caller that split a gap into parts just short enough does not count.
        self._longest_s = spec.max_stable_step_s * (1.0 + 1e-9)
        self._check_step = spec.check_step
        self._outputs = np.empty(spec.outputs, self.dtype)

    def set_readout(self, weight: np.ndarray, bias: np.ndarray) -> None:
        """Use another readout, (O, P) and (O,) of the weights' dtype, from the next call on.

        Raises ValueError for other sizes.
        """
        self._stream.set_readout(np.ascontiguousarray(weight), np.ascontiguousarray(bias))

    def __call__(
        self, hidden_state: np.ndarray, features: np.ndarray, dt_s: float, steps: int = 1
    ) -> tuple[np.ndarray, bool]:
        """Advance hidden_state (H,), in place, by dt_s [s] and return the outputs (O,).

        features: (F,), held over dt_s, contiguous and of the weights' dtype, as hidden_state.
        steps: number of equal parts into which dt_s is split. The second value tells whether all
        new numbers are finite; where not, hidden_state stays as it was. The returned array is
        used again by the next call. Raises TypeError for another dtype or layout, ValueError for
        another length, a time that does not run forward or a part too long for the solver.
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f"dt_s must be positive and finite, got {dt_s}")
        if dt_s > self._longest_s * steps:
            self._check_step(dt_s / steps)
        outputs = self._outputs
        return outputs, self._stream.step(
            features, dt_s / self._unit, steps, hidden_state, outputs
        )
