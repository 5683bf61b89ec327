"""Explicit Euler, first order: h + dt (g - d h).

For a linear decay it multiplies the state by 1 - dt / tau, whose magnitude is below 1 while
dt / tau < 2 (Hairer & Wanner, Solving ODEs II, section IV.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

STABILITY_LIMIT = 2.0


def advance(
    rates: Callable[[Tensor], tuple[Tensor, Tensor]],
    hidden_state: Tensor,
    dt_s: Tensor,
    held: Sequence[Tensor],
) -> Tensor:
    """Return the state after one step; arguments as in the folder's __init__."""
    decay, gain = rates(hidden_state)
    return hidden_state + dt_s * (gain - decay * hidden_state)
