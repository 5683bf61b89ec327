"""The solvers of the ODE cells dh/dt = g - d h, one file each, in their plain form.

Each file has STABILITY_LIMIT, the longest stable step over the time constant of a linear decay,
and advance(rates, hidden_state, dt_s, held), one step with the input held: rates(h) gives d and
g, (B, H) each, dt_s is (B, 1) [s], `held` are the other tensors that d and g are computed from.
"""

from types import ModuleType

from liquid_adapt_ros.lnn.solvers import (
    dopri5,
    dopri5_adjoint,
    euler,
    exponential,
    fused,
    rk4,
)

SOLVERS: dict[str, ModuleType] = {
    "euler": euler,
    "rk4": rk4,
    "exponential": exponential,
    "fused": fused,
    "dopri5": dopri5,
    "dopri5_adjoint": dopri5_adjoint,
}
