"""The exponential Euler method, first order (Hochbruck & Ostermann, Exponential integrators,
Acta Numerica 2010, section 2): the decay is solved exactly, the rest held over the step.

    h exp(-d dt) + g (1 - exp(-d dt)) / d

Exact where d and g do not change, at any step; stable for every decay.
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
    decay, gain = rates(hidden_state)
    shrink = (-decay * dt_s).expm1()
    return hidden_state * (shrink + 1.0) - gain * shrink / decay
