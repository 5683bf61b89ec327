"""The liquid core integrated by RK4: one step, or a whole window of samples.

The input is held over a step, so its projection is shared by the four stages, and for a window
it is one matrix product. The arithmetic follows the dtype of the parameters (float32 on the
robot, float64 where a test needs it). Arrays are row vectors: a state is (batch, hidden).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.time_constants import time_constant

Params = Mapping[str, np.ndarray]

# Classic tableau (Kutta 1901; Hairer, Norsett & Wanner, Solving ODEs I, table II.1.2): where each
# stage looks, as a share of the step, and how much its rate counts.
STAGE_SHARES = (0.0, 0.5, 0.5, 1.0)
RATE_WEIGHTS = (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)
STAGES = len(STAGE_SHARES)


class Rk4Core:
    """Weights of the core ready for stepping a batch, with work arrays: a step allocates nothing.

    The weights are copied: later changes of `params` have no effect.
    """

    def __init__(self, spec: PolicySpec, params: Params, batch: int) -> None:
        dtype = params["core.tau_raw"].dtype
        shape = (batch, spec.hidden)
        self._recurrent = np.ascontiguousarray(params["core.recurrent_weight"].T)
        self._output = np.ascontiguousarray(params["core.output_weight"].T)
        # Tiled over the batch: arrays of one shape are faster than broadcasting.
        self._output_bias = np.tile(params["core.output_bias"], (batch, 1))
        self._decay = np.tile(1.0 / time_constant(spec, params["core.tau_raw"]), (batch, 1))
        self._rates = np.empty((STAGES, *shape), dtype)
        self._rates_by_stage = list(self._rates)
        self._rates_flat = self._rates.reshape(STAGES, -1)
        self._work = np.empty(shape, dtype)
        self._work_flat = self._work.reshape(-1)
        self._dt_s = None

    def _prepare(self, dt_s: float) -> None:
        dtype = self._rates.dtype
        self._dt_s = dt_s
        self._reach = [np.array(share * dt_s, dtype) for share in STAGE_SHARES]
        self._weighted_dt = np.array([weight * dt_s for weight in RATE_WEIGHTS], dtype)

    def advance(
        self,
        drive: np.ndarray,
        dt_s: float,
        states: Sequence[np.ndarray],
        activations: Sequence[np.ndarray],
        out: np.ndarray,
    ) -> None:
        """Advance the state states[0] by dt_s [s] and write the result to `out`.

        drive: projected input (batch, hidden), see core_drive. states, activations: four arrays
        (batch, hidden) each; the step leaves the state and the tanh activations of its stages
        there. `out` may be states[0] itself.
        """
        if dt_s != self._dt_s:
            self._prepare(dt_s)
        start = states[0]
        for stage in range(STAGES):
            state, activation = states[stage], activations[stage]
            rate = self._rates_by_stage[stage]
            if stage:
                np.multiply(self._rates_by_stage[stage - 1], self._reach[stage], state)
                np.add(state, start, state)
            state.dot(self._recurrent, activation)
            np.add(activation, drive, activation)
            np.tanh(activation, activation)
            activation.dot(self._output, rate)
            np.multiply(state, self._decay, self._work)
            np.subtract(rate, self._work, rate)
            np.add(rate, self._output_bias, rate)
        np.dot(self._weighted_dt, self._rates_flat, self._work_flat)
        np.add(start, self._work, out)


def core_drive(params: Params, features: np.ndarray) -> np.ndarray:
    """Return W_in x + b (..., hidden) for features (..., F), in one matrix product."""
    return features @ params["core.input_weight"].T + params["core.bias"]


def step(
    spec: PolicySpec,
    params: Params,
    hidden_state: np.ndarray,
    features: np.ndarray,
    dt_s: float,
) -> np.ndarray:
    """Return the state (B, H) one step of dt_s [s] after hidden_state (B, H), input (B, F)."""
    return unroll(spec, params, hidden_state, features[:, None, :], dt_s)[:, 0]


def unroll(
    spec: PolicySpec,
    params: Params,
    hidden_state: np.ndarray,
    features: np.ndarray,
    dt_s: float | np.ndarray,
) -> np.ndarray:
    """Return the states (B, T, H) after each sample of a window.

    hidden_state: (B, H), before the first sample. features: (B, T, F), normalised. dt_s: the step
    [s], one for all samples or one for each, (T,). Raises ValueError where it is unstable.
    """
    batch, window, _ = features.shape
    steps = step_sequence(spec, dt_s, window)
    core = Rk4Core(spec, params, batch)
    drive = time_major(core_drive(params, features))
    states = np.empty((window, batch, spec.hidden), drive.dtype)
    stage_states = list(np.empty((STAGES, batch, spec.hidden), drive.dtype))
    stage_activations = list(np.empty((STAGES, batch, spec.hidden), drive.dtype))
    stage_states[0][...] = hidden_state
    for t in range(window):
        core.advance(drive[t], steps[t], stage_states, stage_activations, stage_states[0])
        states[t] = stage_states[0]
    return states.swapaxes(0, 1)


def time_major(values: np.ndarray) -> np.ndarray:
    """Return (B, T, N) values as a contiguous (T, B, N) array: each step reads one block."""
    return np.ascontiguousarray(values.swapaxes(0, 1))


def step_sequence(spec: PolicySpec, dt_s: float | np.ndarray, window: int) -> list[float]:
    """Return the step of each of `window` samples [s]; raise ValueError where it is unstable."""
    steps = np.broadcast_to(np.asarray(dt_s, np.float64), (window,)).tolist()
    for dt in set(steps):
        spec.check_step(dt)
    return steps
