"""Streaming inference: one observation in, one action out, the state carried in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.streaming import StreamingStep

# A sample that comes up to this many solver steps late is still integrated in one step, as a
# learner does with its window; a longer gap is split.
LONGEST_SINGLE_STEP = 1.5


@dataclass(frozen=True)
class PolicyOutput:
    """What the policy asks for and expects to see, before limits, in physical units.

    joint_velocity: (joints,) [rad/s]. base: linear [m/s] and angular [rad/s] velocity. gripper:
    suction, 0.5 and above means on. position: (3,) [m], one horizon ahead. finite: False where
    input, state or output was not finite; the values must not be used then.
    """

    joint_velocity: np.ndarray
    base: np.ndarray
    gripper: float
    position: np.ndarray
    finite: bool


class Step(Protocol):
    """The network with fixed weights, one sample at a time; see StreamingStep.__call__."""

    def __call__(
        self, hidden_state: np.ndarray, features: np.ndarray, dt_s: float, steps: int
    ) -> tuple[np.ndarray, bool]:
        """Advance the state in place; return the outputs and whether all is finite."""


class StreamingPolicy:
    """A policy that runs sample by sample and whose weights can change between two samples.

    spec: its sizes. params, norm: tensors named as in spec.shapes() and spec.norm_shapes(),
    float32. step_of: makes the network of weights, and raises ValueError where they do not fit;
    the compiled one where left out. Raises ValueError where something does not fit.
    """

    def __init__(
        self,
        spec: PolicySpec,
        params: Mapping[str, np.ndarray],
        norm: Mapping[str, np.ndarray],
        step_of: Callable[[Mapping[str, np.ndarray]], Step] | None = None,
    ) -> None:
        spec.check_norm(norm)
        self.spec = spec
        self._norm = {name: np.array(tensor) for name, tensor in norm.items()}
        self._slices = spec.layout.slices()
        self._hidden_state = np.zeros(spec.hidden, np.float32)
        self._step_of = step_of or partial(StreamingStep, spec.network)
        self._step = self._step_of(params)
        stable_s = spec.network.max_stable_step_s
        self._longest_step_s = min(LONGEST_SINGLE_STEP * spec.step_s, stable_s)

    @property
    def hidden_state(self) -> np.ndarray:
        """Copy of the state (hidden,)."""
        return self._hidden_state.copy()

    def reset(self) -> None:
        """Forget everything observed: the state becomes zero."""
        self._hidden_state[:] = 0.0

    def swap(self, params: Mapping[str, np.ndarray]) -> None:
        """Use other weights (all learnable tensors) from the next step on; the state stays.

        Raises ValueError, and keeps the present weights, where they do not fit.
        """
        self._step = self._step_of(params)

    def step(self, features: np.ndarray, dt_s: float) -> PolicyOutput:
        """Advance by one sample and return the action.

        features: (F,), normalised. dt_s: time since the previous sample [s]. A gap longer than
        the longest time constant leaves nothing to remember: the state starts from zero then.
        A step that is not finite leaves the state as it was. Raises ValueError for a wrong
        length or a time that does not run forward.
        """
        if features.shape != (self.spec.features,):
            raise ValueError(f"features {features.shape}, expected ({self.spec.features},)")
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f"dt_s must be positive and finite, got {dt_s}")
        if dt_s > self.spec.tau_max_s:
            self.reset()
            dt_s = self.spec.step_s
        parts = math.ceil(dt_s / self._longest_step_s)
        features = np.ascontiguousarray(features, np.float32)
        normalised, finite = self._step(self._hidden_state, features, dt_s, parts)
        outputs = self._norm["norm.output_mean"] + self._norm["norm.output_scale"] * normalised
        return self._physical(outputs, finite)

    def _physical(self, outputs: np.ndarray, finite: bool) -> PolicyOutput:
        slices = self._slices
        return PolicyOutput(
            joint_velocity=outputs[slices["joint_velocity"]],
            base=outputs[slices["base"]],
            gripper=float(outputs[slices["gripper"]][0]),
            position=outputs[slices["position"]],
            finite=finite,
        )
