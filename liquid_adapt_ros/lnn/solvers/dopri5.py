"""torchdiffeq's adaptive Dormand-Prince 5(4) method (J. Comput. Appl. Math. 6, 1980), with
gradients through its operations. The step is chosen by the error, so there is no limit to dt.

The tolerances are torchdiffeq's default (relative 1e-7, absolute 1e-9).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

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
    from torchdiffeq import odeint

    return integrate(odeint, rates, hidden_state, dt_s)


def integrate(
    odeint: Callable[..., Tensor],
    rates: Callable[[Tensor], tuple[Tensor, Tensor]],
    hidden_state: Tensor,
    dt_s: Tensor,
    **options: Any,
) -> Tensor:
    """Return the state after one step by one of torchdiffeq's two functions."""

    def slope(_: Tensor, state: Tensor) -> Tensor:
        decay, gain = rates(state)
        return dt_s * (gain - decay * state)

    # Time as a share of the step, because each row has a step of its own.
    span = hidden_state.new_tensor([0.0, 1.0])
    return odeint(slope, hidden_state, span, method="dopri5", **options)[-1]
