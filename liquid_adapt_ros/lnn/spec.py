"""Sizes, names and ranges of one robot's policy: a network with meaning to its inputs and outputs.

output = mean + scale * y, where y is what the network (network_spec.py) answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from liquid_adapt_ros.lnn.network_spec import (
    NetworkSpec,
    Shape,
    check_positive,
    check_tensors,
)


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
    hidden, head, cell, solver, substeps, backbone, tau_min_s, tau_max_s, step_s: the network, see
    NetworkSpec. A policy has a head.
    horizon_s: how far ahead the position is predicted [s].
    joint_names: the joints, in the order of the joint velocities and joint features.

    Raises ValueError where sizes or ranges make no sense or where the solver would be unstable.
    """

    inputs: FeatureLayout = field(default_factory=FeatureLayout)
    layout: OutputLayout = field(default_factory=OutputLayout)
    hidden: int = 64
    head: int = 64
    cell: str = "liquid_ode"
    solver: str = "rk4"
    substeps: int = 1
    backbone: int = 128
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
        check_positive("horizon_s", self.horizon_s)
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
        _ = self.network  # made once, and with it checked

    @cached_property
    def network(self) -> NetworkSpec:
        """The network alone."""
        return NetworkSpec(
            features=self.features,
            outputs=self.outputs,
            **{name: getattr(self, name) for name in _NETWORK_FIELDS},
        )

    @property
    def features(self) -> int:
        """Length of the input vector."""
        return self.inputs.size

    @property
    def outputs(self) -> int:
        """Length of the output vector."""
        return self.layout.size

    def shapes(self) -> dict[str, Shape]:
        """Return the shape of each learnable tensor, in their canonical order."""
        return self.network.shapes()

    def norm_shapes(self) -> dict[str, Shape]:
        """Return the shape of each fixed tensor: the statistics of inputs and outputs."""
        return {
            "norm.feature_mean": (self.features,),
            "norm.feature_scale": (self.features,),
            "norm.output_mean": (self.outputs,),
            "norm.output_scale": (self.outputs,),
        }

    def check_norm(self, norm: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless norm are exactly the fixed tensors, with positive scales."""
        check_tensors(norm, self.norm_shapes())
        for name in ("norm.feature_scale", "norm.output_scale"):
            if not np.all(norm[name] > 0.0):
                raise ValueError(f"{name} must be positive, its minimum is {np.min(norm[name])}")

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON values."""
        values = dataclasses.asdict(self)
        values["joint_names"] = list(self.joint_names)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PolicySpec:
        """Build a spec from what to_dict returned; raise ValueError where it does not fit."""
        values = dict(values)
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
        return sizes | {"head": self.head}


_NETWORK_FIELDS = (
    "hidden",
    "head",
    "cell",
    "solver",
    "substeps",
    "backbone",
    "tau_min_s",
    "tau_max_s",
    "step_s",
)


def _consecutive_slices(layout: FeatureLayout | OutputLayout) -> dict[str, slice]:
    slices, start = {}, 0
    for name, size in vars(layout).items():
        slices[name] = slice(start, start + size)
        start += size
    return slices
