"""The classic Runge-Kutta method, fourth order, four evaluations (Kutta 1901; Hairer, Norsett &
Wanner, Solving ODEs I, table II.1.2).

Stable for a linear decay while dt / tau stays below the real root of
1 - z/2 + z^2/6 - z^3/24 = 0 (Hairer & Wanner, Solving ODEs II, section IV.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

STABILITY_LIMIT = 2.785

# Where each stage looks, as a share of the step, and how much its rate counts.
_REACH = (0.0, 0.5, 0.5, 1.0)
_WEIGHT = (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)


def advance(
    rates: Callable[[Tensor], tuple[Tensor, Tensor]],
    hidden_state: Tensor,
    dt_s: Tensor,
    held: Sequence[Tensor],
) -> Tensor:
    """Return the state after one step; arguments as in the folder's __init__."""
    rate, total = 0.0, 0.0
    for reach, weight in zip(_REACH, _WEIGHT, strict=True):
        state = hidden_state + reach * dt_s * rate
        decay, gain = rates(state)
        rate = gain - decay * state
        total = total + weight * rate
    return hidden_state + dt_s * total
