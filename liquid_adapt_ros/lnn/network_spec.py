"""Sizes and ranges of one network: all that is needed to build, check and run it.

A network is a core, one of the cells in cells/ driven by the input, and what reads it:

    y = W_y phi + b_y,     phi = silu(W_h h + W_x x + b_p)   (silu(v) = v sigmoid(v))

or, without a head, phi = h.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from liquid_adapt_ros.lnn.cells import CELLS
from liquid_adapt_ros.lnn.cells.base import Cell
from liquid_adapt_ros.lnn.solvers import SOLVERS

Shape = tuple[int, ...]

# Where no range of time constants is given: to a hundred steps, from one step where a solver has a
# limit of stability, from a tenth of one where it has none, so that a unit can follow its input.
TAU_MAX_STEPS, TAU_MIN_STEPS, TAU_MIN_STEPS_WITHOUT_LIMIT = 100.0, 1.0, 0.1


@dataclass(frozen=True)
class NetworkSpec:
    """What a network is made of.

    features, outputs: length of the input and of the output vector.
    hidden: units of the core. head: units of the head; 0: the readout reads the state itself.
    cell, solver: names out of CELLS and SOLVERS; the cell's first solver where none is given.
    step_s: time between two samples [s] where a call does not give another.
    tau_min_s, tau_max_s: range of the time constants [s]; where left out 1 and 100 steps, or 0.1
    and 100 steps with a solver that is stable for any step.
    substeps: solver steps for each sample, of equal length.
    backbone: units of the hidden layer of a CfC.

    Raises ValueError where sizes or ranges make no sense, a name is unknown or the solver would
    be unstable.
    """

    features: int
    outputs: int
    hidden: int = 64
    head: int = 0
    cell: str = "liquid_ode"
    solver: str = ""
    step_s: float = 0.01
    tau_min_s: float = math.nan
    tau_max_s: float = math.nan
    substeps: int = 1
    backbone: int = 128

    def __post_init__(self) -> None:
        least = {"features": 1, "outputs": 1, "hidden": 1, "head": 0, "substeps": 1, "backbone": 1}
        for name, bound in least.items():
            size = getattr(self, name)
            if not isinstance(size, int) or isinstance(size, bool) or size < bound:
                raise ValueError(
                    f"{name} must be a whole number of at least {bound}, got {size!r}"
                )
        check_positive("step_s", self.step_s)
        self._check_names()
        self._check_time_constants()
        self.check_step(self.step_s)

    def _check_names(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        if not self.solver:
            object.__setattr__(self, "solver", self.core.solvers[0])
        if self.solver not in self.core.solvers:
            raise ValueError(
                f"solver must be one of {', '.join(self.core.solvers)} with cell {self.cell!r}, "
                f"got {self.solver!r}"
            )

    def _check_time_constants(self) -> None:
        limited = self.solver in SOLVERS and math.isfinite(SOLVERS[self.solver].STABILITY_LIMIT)
        fewest_steps = TAU_MIN_STEPS if limited else TAU_MIN_STEPS_WITHOUT_LIMIT
        for name, steps in (("tau_min_s", fewest_steps), ("tau_max_s", TAU_MAX_STEPS)):
            if math.isnan(getattr(self, name)):
                object.__setattr__(self, name, steps * self.step_s)
            check_positive(name, getattr(self, name))
        if self.tau_min_s >= self.tau_max_s:
            raise ValueError(
                f"tau_min_s {self.tau_min_s} must be below tau_max_s {self.tau_max_s}"
            )

    @property
    def core(self) -> Cell:
        """The equations of the cell."""
        return CELLS[self.cell]

    @property
    def max_stable_step_s(self) -> float:
        """Longest time from sample to sample for which the solver is stable, whatever the time
        constants in their range; infinite where there is no such limit [s]."""
        return self.core.max_stable_step_s(self)

    def check_step(self, step_s: float) -> None:
        """Raise ValueError if the solver could be unstable with samples step_s [s] apart."""
        if not step_s <= self.max_stable_step_s:
            limit, dt_s = SOLVERS[self.solver].STABILITY_LIMIT, step_s / self.substeps
            tau_s = self.max_stable_step_s / self.substeps / limit
            raise ValueError(
                f"cell {self.cell!r} with solver {self.solver!r} is unstable: dt = {dt_s} s over "
                f"tau_min = {tau_s} s is {dt_s / tau_s:.3f}, the limit is {limit}"
            )

    def shapes(self) -> dict[str, Shape]:
        """Return the shape of each learnable tensor, in their canonical order."""
        shapes = dict(self.core.shapes(self))
        if self.head:
            shapes |= {
                "head.hidden_weight": (self.head, self.hidden),
                "head.input_weight": (self.head, self.features),
                "head.bias": (self.head,),
            }
        return shapes | {
            "readout.weight": (self.outputs, self.head or self.hidden),
            "readout.bias": (self.outputs,),
        }

    def check_params(self, params: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless params are exactly the learnable tensors."""
        check_tensors(params, self.shapes())


def check_positive(name: str, value: float) -> None:
    """Raise ValueError naming the value unless it is finite and above 0."""
    if not math.isfinite(value) or value <= 0.0:
        raise ValueError(f"{name} must be finite and positive, got {value!r}")


def check_tensors(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, Shape]) -> None:
    """Raise ValueError unless the tensors are exactly those of the shapes."""
    missing, unknown = sorted(shapes.keys() - tensors.keys()), sorted(tensors.keys() - shapes)
    if missing or unknown:
        raise ValueError(f"missing tensors {missing}, unknown tensors {unknown}")
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tensors[name].shape}, expected {shape}")
