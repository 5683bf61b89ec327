"""Streaming inference: one observation in, one action out, the state carried in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream, Step


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
        self._stream = StatefulStream(spec.network, params, step_of)

    @property
    def hidden_state(self) -> np.ndarray:
        """Copy of the state (hidden,)."""
        return self._stream.hidden_state

    def reset(self) -> None:
        """Forget everything observed: the state becomes zero."""
        self._stream.reset()

    def swap(self, params: Mapping[str, np.ndarray]) -> None:
        """Use other weights (all learnable tensors) from the next step on; the state stays.

        Raises ValueError, and keeps the present weights, where they do not fit.
        """
        self._stream.swap(params)

    def step(self, features: np.ndarray, dt_s: float) -> PolicyOutput:
        """Advance by one sample and return the action.

        features: (F,), normalised. dt_s: time since the previous sample [s]. Gaps, numbers that
        are not finite and errors: see StatefulStream.step.
        """
        normalised, finite = self._stream.step(features, dt_s)
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
