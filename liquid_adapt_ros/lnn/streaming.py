"""The policy one sample at a time, with the state carried and no allocation per step."""

from __future__ import annotations

import numpy as np

from liquid_adapt_ros.lnn.kernel import STAGES, Params, Rk4Core
from liquid_adapt_ros.lnn.spec import PolicySpec


class StreamingStep:
    """Core and head with fixed weights for one robot.

    The projections of the input by core and head are one matrix-vector product. The weights are
    copied: new weights need a new StreamingStep, so that a swap is one assignment.
    """

    def __init__(self, spec: PolicySpec, params: Params) -> None:
        spec.check_params(params)
        dtype = params["core.tau_raw"].dtype
        hidden = spec.hidden
        self._core = Rk4Core(spec, params, batch=1)
        self._input_weight = np.concatenate(
            [params["core.input_weight"], params["head.input_weight"]]
        )
        self._input_bias = np.concatenate([params["core.bias"], params["head.bias"]])
        self._head_weight = np.array(params["head.hidden_weight"])
        self._readout_weight = np.array(params["readout.weight"])
        self._readout_bias = np.array(params["readout.bias"])
        self._drive = np.empty(hidden + spec.head, dtype)
        self._core_drive = self._drive[:hidden].reshape(1, hidden)
        self._head_drive = self._drive[hidden:]
        self._states = list(np.empty((STAGES, 1, hidden), dtype))
        self._activations = list(np.empty((STAGES, 1, hidden), dtype))
        self._next_state = np.empty((1, hidden), dtype)
        self._phi = np.empty(spec.head, dtype)
        self._half = np.array(0.5, dtype)
        self._outputs = np.empty(spec.outputs, dtype)

    def __call__(
        self, hidden_state: np.ndarray, features: np.ndarray, dt_s: float, substeps: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the normalised outputs (O,) and the state (H,) dt_s [s] after hidden_state (H,).

        features: (F,), normalised, same dtype as the weights. substeps: number of equal solver
        steps in dt_s. The returned arrays are reused by the next call.
        """
        np.dot(self._input_weight, features, self._drive)
        np.add(self._drive, self._input_bias, self._drive)
        state = self._states[0]
        state[0] = hidden_state
        for _ in range(substeps):
            self._core.advance(
                self._core_drive, dt_s / substeps, self._states, self._activations, state
            )
        self._next_state[...] = state
        return self._read_out(self._next_state[0]), self._next_state[0]

    def _read_out(self, state: np.ndarray) -> np.ndarray:
        phi, drive = self._phi, self._head_drive
        self._head_weight.dot(state, phi)
        np.add(drive, phi, drive)
        # silu(v) = v/2 (1 + tanh(v/2))
        np.multiply(drive, self._half, drive)
        np.tanh(drive, phi)
        np.multiply(phi, drive, phi)
        np.add(phi, drive, phi)
        self._readout_weight.dot(phi, self._outputs)
        np.add(self._outputs, self._readout_bias, self._outputs)
        return self._outputs
