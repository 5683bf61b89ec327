"""A network that runs sample by sample: state carried over gaps, weights that may change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np

from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.streaming import StreamingStep

# A sample that comes up to this many steps late is still integrated in one step, as a learner
# does with its window; a longer gap is split.
LONGEST_SINGLE_STEP = 1.5


class Step(Protocol):
    """One step of a network with fixed weights; StreamingStep is one."""

    def __call__(
        self, hidden_state: np.ndarray, features: np.ndarray, dt_s: float, steps: int
    ) -> tuple[np.ndarray, bool]:
        """Advance the state in place; return the outputs and whether all is finite."""


class StatefulStream:
    """A network's step and the hidden state that it carries.

    spec: sizes. params: tensors named as in spec.shapes(), float32. step_of: makes the step of
    weights, and raises ValueError where they do not fit; the compiled one where left out. Raises
    ValueError where params do not fit.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        params: Mapping[str, np.ndarray],
        step_of: Callable[[Mapping[str, np.ndarray]], Step] | None = None,
    ) -> None:
        self.spec = spec
        self._step_of = step_of or partial(StreamingStep, spec)
        self._step = self._step_of(params)
        self._hidden_state = np.zeros(spec.hidden, np.float32)
        self._longest_step_s = min(LONGEST_SINGLE_STEP * spec.step_s, spec.max_stable_step_s)

    @property
    def hidden_state(self) -> np.ndarray:
        """Copy of the state (H,)."""
        return self._hidden_state.copy()

    def reset(self) -> None:
        """Forget everything observed: the state becomes zero."""
        self._hidden_state[:] = 0.0

    def start_from(self, hidden_state: np.ndarray) -> None:
        """Go on from this state (H,)."""
        self._hidden_state[:] = hidden_state

    def swap(self, params: Mapping[str, np.ndarray]) -> None:
        """Use other weights (all learnable tensors) from the next step on; the state stays.

        Raises ValueError, and keeps the present weights, where they do not fit.
        """
        self._step = self._step_of(params)

    def swap_readout(self, params: Mapping[str, np.ndarray]) -> None:
        """Use another readout (readout.weight and readout.bias) from the next step on.

        Only for one that makes its own steps, and not beside a step in another thread. Raises
        ValueError where it does not fit.
        """
        self._step.set_readout(params["readout.weight"], params["readout.bias"])

    def step(self, features: np.ndarray, dt_s: float) -> tuple[np.ndarray, bool]:
        """Advance by one sample; return the outputs (O,) and whether all numbers are finite.

        features: (F,). dt_s: time since the sample before [s]. A gap longer than the longest time
        constant leaves nothing to remember: the state starts from zero then. A step that is not
        finite leaves the state as it was. The returned array is used again by the next call.
        Raises ValueError for a wrong length or a time that does not run forward.
        """
        if features.shape != (self.spec.features,):
            raise ValueError(f"features {features.shape}, expected ({self.spec.features},)")
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f"dt_s must be positive and finite, got {dt_s}")
        if dt_s > self.spec.tau_max_s:
            self.reset()
            dt_s = min(self.spec.step_s, self.spec.max_stable_step_s)
        parts = math.ceil(dt_s / self._longest_step_s)
        features = np.ascontiguousarray(features, np.float32)
        return self._step(self._hidden_state, features, dt_s, parts)
