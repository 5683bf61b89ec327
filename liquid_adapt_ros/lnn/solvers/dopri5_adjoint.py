"""torchdiffeq's Dormand-Prince 5(4) with gradients by the adjoint equation (Chen et al., Neural
ordinary differential equations, arXiv 1806.07366): memory that does not grow with the number of
steps inside a sample, gradients only as exact as the integration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

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
    import torchdiffeq

    def slope(_: Tensor, state: Tensor) -> Tensor:
        decay, gain = rates(state)
        return dt_s * (gain - decay * state)

    span = hidden_state.new_tensor([0.0, 1.0])
    parameters = tuple(tensor for tensor in held if tensor.requires_grad)
    return torchdiffeq.odeint_adjoint(
        slope, hidden_state, span, method="dopri5", adjoint_params=parameters
    )[-1]
