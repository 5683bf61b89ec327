"""torchdiffeq's Dormand-Prince 5(4) with gradients by the adjoint equation (Chen et al., Neural
ordinary differential equations, arXiv 1806.07366): memory that does not grow with the number of
steps inside a sample, gradients only as exact as the integration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from liquid_adapt_ros.lnn.solvers.dopri5 import integrate

if TYPE_CHECKING:
    from torch import Tensor

STABILITY_LIMIT = math.inf


def advance(
    rates: Callable[[Tensor], tuple[Tensor, Tensor]],
    hidden_state: Tensor,
    dt_s: Tensor,
    held: Sequence[Tensor],
) -> Tensor:
    """Return the state after one step; arguments as in the folder's __init__."""
    from torchdiffeq import odeint_adjoint

    learned = tuple(tensor for tensor in held if tensor.requires_grad)
    return integrate(odeint_adjoint, rates, hidden_state, dt_s, adjoint_params=learned)
