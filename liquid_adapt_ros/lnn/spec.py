"""Sizes, names and ranges of one policy: all that is needed to build, check and run it.

The core is a liquid network: a recurrent network whose hidden state h follows

    dh/dt = -h / tau + f(x, h),     f = W_out tanh(W_in x + W_rec h + b) + b_out

with a learnable time constant per unit (Hasani et al., AAAI 2021, arXiv 2006.04439, with the
decay independent of the input). It is integrated by the classic fourth-order Runge-Kutta
method (RK4), the input held over the step. The head reads the state and the input:

    phi = silu(W_h h + W_x x + b_p),     y = W_y phi + b_y,     output = mean + scale * y
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CELL = "liquid_ode"
SOLVER = "rk4"

# RK4 is stable for a real decay while step / tau stays below the real root of
# 1 - z/2 + z^2/6 - z^3/24 = 0 (Hairer & Wanner, Solving ODEs II, section IV.2).
RK4_STABILITY_LIMIT = 2.785

Shape = tuple[int, ...]


@dataclass(frozen=True)
class FeatureLayout:
    """Groups of the input vector, in their order."""

    embedding: int = 128
    imu: int = 6
    joints: int = 6

    @property
    def size(self) -> int:
        """Length of the input vector."""
        return self.embedding + self.imu + self.joints

    def slices(self) -> dict[str, slice]:
        """Return the place of each group in the input vector."""
        return _consecutive_slices(self)


@dataclass(frozen=True)
class OutputLayout:
    """Groups of the output vector, in their order.

    joint_velocity [rad/s], base (linear [m/s], angular [rad/s]), gripper [0..1], position [m].
    """

    joint_velocity: int = 6
    base: int = 2
    gripper: int = 1
    position: int = 3

    @property
    def size(self) -> int:
        """Length of the output vector."""
        return self.joint_velocity + self.base + self.gripper + self.position

    def slices(self) -> dict[str, slice]:
        """Return the place of each group in the output vector."""
        return _consecutive_slices(self)


@dataclass(frozen=True)
class PolicySpec:
    """What a policy is made of.

    inputs, layout: the groups of the input and of the output vector.
    hidden, head: number of units of the core and of the head.
    tau_min_s, tau_max_s: range of the time constants [s].
    step_s: the step of the solver, the period of the samples [s].
    horizon_s: how far ahead the position is predicted [s].
    joint_names: the joints, in the order of the joint velocities and joint features.

    Raises ValueError where sizes or ranges make no sense or where the solver would be unstable.
    """

    inputs: FeatureLayout = field(default_factory=FeatureLayout)
    layout: OutputLayout = field(default_factory=OutputLayout)
    hidden: int = 64
    head: int = 64
    tau_min_s: float = 0.01
    tau_max_s: float = 1.0
    step_s: float = 0.01
    horizon_s: float = 0.3
    joint_names: tuple[str, ...] = (
        "shoulder_pan_joint",
        "shoulder_lift_joint",
        "elbow_joint",
        "wrist_1_joint",
        "wrist_2_joint",
        "wrist_3_joint",
    )

    def __post_init__(self) -> None:
        for name, size in self._sizes().items():
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {size!r}")
        for name in ("tau_min_s", "tau_max_s", "step_s", "horizon_s"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0.0:
                raise ValueError(f"{name} must be finite and positive, got {value!r}")
        if self.tau_min_s >= self.tau_max_s:
            raise ValueError(
                f"tau_min_s {self.tau_min_s} must be below tau_max_s {self.tau_max_s}"
            )
        if self.layout.gripper != 1 or self.layout.base != 2 or self.layout.position != 3:
            raise ValueError(
                "the outputs gripper, base and position have 1, 2 and 3 components, got "
                f"{self.layout.gripper}, {self.layout.base} and {self.layout.position}"
            )
        if len(set(self.joint_names)) != self.layout.joint_velocity:
            raise ValueError(
                f"joint_names must be {self.layout.joint_velocity} different names, "
                f"got {list(self.joint_names)}"
            )
        self.check_step(self.step_s)

    @property
    def features(self) -> int:
        """Length of the input vector."""
        return self.inputs.size

    @property
    def outputs(self) -> int:
        """Length of the output vector."""
        return self.layout.size

    @property
    def max_stable_step_s(self) -> float:
        """Longest step with which the solver is stable for every allowed time constant [s]."""
        return RK4_STABILITY_LIMIT * self.tau_min_s

    def check_step(self, step_s: float) -> None:
        """Raise ValueError if the solver could be unstable with this step [s]."""
        if not step_s <= self.max_stable_step_s:
            raise ValueError(
                f"cell {CELL!r} with solver {SOLVER!r} is unstable: dt = {step_s} s over "
                f"tau_min = {self.tau_min_s} s is {step_s / self.tau_min_s:.3f}, "
                f"the limit is {RK4_STABILITY_LIMIT}"
            )

    def shapes(self) -> dict[str, Shape]:
        """Return the shape of each learnable tensor, in their canonical order."""
        features, hidden, head, outputs = self.features, self.hidden, self.head, self.outputs
        return {
            "core.input_weight": (hidden, features),
            "core.recurrent_weight": (hidden, hidden),
            "core.bias": (hidden,),
            "core.output_weight": (hidden, hidden),
            "core.output_bias": (hidden,),
            "core.tau_raw": (hidden,),
            "head.hidden_weight": (head, hidden),
            "head.input_weight": (head, features),
            "head.bias": (head,),
            "readout.weight": (outputs, head),
            "readout.bias": (outputs,),
        }

    def norm_shapes(self) -> dict[str, Shape]:
        """Return the shape of each fixed tensor: the statistics of inputs and outputs."""
        return {
            "norm.feature_mean": (self.features,),
            "norm.feature_scale": (self.features,),
            "norm.output_mean": (self.outputs,),
            "norm.output_scale": (self.outputs,),
        }

    def check_params(self, params: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless params are exactly the learnable tensors."""
        _check_tensors(params, self.shapes())

    def check_norm(self, norm: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless norm are exactly the fixed tensors, with positive scales."""
        _check_tensors(norm, self.norm_shapes())
        for name in ("norm.feature_scale", "norm.output_scale"):
            if not np.all(norm[name] > 0.0):
                raise ValueError(f"{name} must be positive, its minimum is {np.min(norm[name])}")

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON values."""
        values = dataclasses.asdict(self)
        values["joint_names"] = list(self.joint_names)
        return {"cell": CELL, "solver": SOLVER, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PolicySpec:
        """Build a spec from what to_dict returned; raise ValueError where it does not fit."""
        values = dict(values)
        for name, known in (("cell", CELL), ("solver", SOLVER)):
            if values.pop(name, None) != known:
                raise ValueError(f"the spec's {name} must be {known!r}")
        try:
            return cls(
                inputs=FeatureLayout(**values.pop("inputs")),
                layout=OutputLayout(**values.pop("layout")),
                joint_names=tuple(values.pop("joint_names")),
                **values,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a policy spec: {error}") from error

    def _sizes(self) -> dict[str, int]:
        groups = {"inputs": self.inputs, "layout": self.layout}
        sizes = {
            f"{group}.{name}": size
            for group, sizes in groups.items()
            for name, size in vars(sizes).items()
        }
        return sizes | {"hidden": self.hidden, "head": self.head}


def _consecutive_slices(layout: FeatureLayout | OutputLayout) -> dict[str, slice]:
    slices, start = {}, 0
    for name, size in vars(layout).items():
        slices[name] = slice(start, start + size)
        start += size
    return slices


def _check_tensors(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, Shape]) -> None:
    missing, unknown = sorted(shapes.keys() - tensors.keys()), sorted(tensors.keys() - shapes)
    if missing or unknown:
        raise ValueError(f"missing tensors {missing}, unknown tensors {unknown}")
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tensors[name].shape}, expected {shape}")
