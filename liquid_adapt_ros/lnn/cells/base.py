"""What every cell brings: its tensors, their first values, and its equations.

The equations here are the plain form, written with the operators and methods of torch tensors
(this folder itself imports no torch). They run where the compiled kernel does not: on a GPU, and
under torchdiffeq's solvers; and they are what the tests hold the kernel against.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from liquid_adapt_ros.lnn.solvers import SOLVERS
from liquid_adapt_ros.lnn.time_constants import tau_raw_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from liquid_adapt_ros.lnn.network_spec import NetworkSpec, Shape

# Share of the logarithmic range of tau that is used at the start: of a range of a hundred to one,
# from 2 to 50 times its lower end.
TAU_SHARE = (0.15, 0.85)
# Gain of the loop from state to state; below 1 so that the state forgets.
RECURRENT_GAIN = 0.5


class Cell(ABC):
    """A recurrent cell driven by u = W_in x + b, the projected input, held over a step."""

    name: str
    solvers: tuple[str, ...]

    @abstractmethod
    def shapes(self, spec: NetworkSpec) -> dict[str, Shape]:
        """Return the shape of each of the cell's tensors, named core.*, in canonical order.

        core.input_weight (D, F), core.bias (D,) and core.recurrent_weight are in every cell; D is
        the length of the drive.
        """

    @abstractmethod
    def initial_params(self, spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return random tensors (float64) with which the state is of order 1."""

    @abstractmethod
    def max_stable_step_s(self, spec: NetworkSpec) -> float:
        """Return the longest stable time from sample to sample, any weights [s]; may be inf."""

    def resting_state(self, spec: NetworkSpec, params: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the state (H,) of fresh weights under an input of zero; what reads the state is
        made to read zero there."""
        return np.zeros(spec.hidden)

    def time_unit_s(self, spec: NetworkSpec) -> float:
        """Return the unit in which the equations count time [s]."""
        return 1.0

    @abstractmethod
    def advance(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
        dt_s: Tensor,
    ) -> Tensor:
        """Return the state (B, H) dt_s (B, 1) [s] after hidden_state (B, H), for drive (B, D)."""


class OdeCell(Cell):
    """A cell that is an ordinary differential equation dh/dt = g - d h, with d, g of (u, h)."""

    solvers = ("rk4", "euler", "exponential", "fused", "dopri5", "dopri5_adjoint")

    @abstractmethod
    def rates(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return the decay d [1/s] and the gain g [1/s], both (B, H)."""

    def fastest_time_constant_s(self, spec: NetworkSpec) -> float:
        """Return the shortest time constant the state can have, any weights [s]."""
        return spec.tau_min_s

    def max_stable_step_s(self, spec: NetworkSpec) -> float:
        """See Cell.max_stable_step_s."""
        limit = SOLVERS[spec.solver].STABILITY_LIMIT
        return limit * spec.substeps * self.fastest_time_constant_s(spec)

    def advance(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
        dt_s: Tensor,
    ) -> Tensor:
        """See Cell.advance."""
        solver, part_s = SOLVERS[spec.solver], dt_s / spec.substeps

        def rates(state: Tensor) -> tuple[Tensor, Tensor]:
            return self.rates(spec, params, drive, state)

        # These two act through the drive alone.
        through_drive = ("core.input_weight", "core.bias")
        held = [drive, *(value for name, value in params.items() if name not in through_drive)]
        for _ in range(spec.substeps):
            hidden_state = solver.advance(rates, hidden_state, part_s, held)
        return hidden_state


def scaled(rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0) -> np.ndarray:
    """Return weights of variance gain^2 / inputs (LeCun et al., Efficient BackProp, 1998)."""
    return rng.standard_normal(shape) * gain / np.sqrt(shape[1])


def spread_tau(
    spec: NetworkSpec, rng: np.random.Generator, share: tuple[float, float] = TAU_SHARE
) -> tuple[np.ndarray, np.ndarray]:
    """Return time constants (H,) [s] and their raw form, evenly spread on a logarithmic scale over
    a share of their range."""
    share = rng.uniform(*share, spec.hidden)
    tau = spec.tau_min_s * (spec.tau_max_s / spec.tau_min_s) ** share
    return tau, tau_raw_of(spec, tau)
