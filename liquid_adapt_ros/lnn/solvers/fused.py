"""The fused solver of liquid time-constant networks (Hasani et al., arXiv 2006.04439, eq. 3):
semi-implicit Euler, first order, explicit in d and g and implicit in h.

    (h + dt g) / (1 + dt d)

The new state lies between h and the equilibrium g / d, at any step.
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
    return (hidden_state + dt_s * gain) / (1.0 + dt_s * decay)
