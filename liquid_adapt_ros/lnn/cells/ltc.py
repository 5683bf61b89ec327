"""The liquid time-constant network (LTC; Hasani et al., AAAI 2021, arXiv 2006.04439, eq. 1).

    dh/dt = -(1/tau + f) h + f A,     f = sigmoid(W_in x + W_rec h + b) / tau_s

f, the conductance of the synapses [1/s], pulls the state towards A and at the same time shortens
its time constant. tau and tau_s, one each for a unit, are learnable within the same range, so the
state's own time constant lies between tau_min / 2 and tau_max (their theorem 1), and the state
stays between 0 and A where it starts there (their theorem 2). The fused solver keeps that bound
for every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liquid_adapt_ros.lnn.cells.base import OdeCell, scaled, spread_tau
from liquid_adapt_ros.lnn.time_constants import torch_decay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from liquid_adapt_ros.lnn.network_spec import NetworkSpec, Shape


# Leak and synapses start in the fast half of their range: only together are they as fast as one,
# and the state moves no faster than they let it.
_TAU_SHARE = (0.05, 0.5)


class Ltc(OdeCell):
    """See the top of this file."""

    name = "ltc"
    solvers = ("fused", "euler", "rk4", "exponential", "dopri5", "dopri5_adjoint")

    def shapes(self, spec: NetworkSpec) -> dict[str, Shape]:
        """See Cell.shapes."""
        hidden = spec.hidden
        return {
            "core.input_weight": (hidden, spec.features),
            "core.recurrent_weight": (hidden, hidden),
            "core.bias": (hidden,),
            "core.tau_raw": (hidden,),
            "core.synapse_tau_raw": (hidden,),
            "core.reversal": (hidden,),
        }

    def initial_params(self, spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See Cell.initial_params; synapses are at first as strong as the leak."""
        hidden = spec.hidden
        _, tau_raw = spread_tau(spec, rng, _TAU_SHARE)
        params = {
            "core.input_weight": scaled(rng, (hidden, spec.features), 2.0),
            "core.recurrent_weight": scaled(rng, (hidden, hidden)),
            "core.bias": np.zeros(hidden),
            "core.tau_raw": tau_raw,
            "core.synapse_tau_raw": tau_raw.copy(),
            "core.reversal": 3.0 * rng.choice([-1.0, 1.0], hidden),
        }
        params["core.bias"] -= params["core.recurrent_weight"] @ self.resting_state(spec, params)
        return params

    def resting_state(self, spec: NetworkSpec, params: Mapping[str, np.ndarray]) -> np.ndarray:
        """See Cell.resting_state; half open synapses as strong as the leak: a third of the way."""
        return params["core.reversal"] / 3.0

    def fastest_time_constant_s(self, spec: NetworkSpec) -> float:
        """See OdeCell.fastest_time_constant_s; leak and open synapses together."""
        return 0.5 * spec.tau_min_s

    def rates(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """See OdeCell.rates."""
        opened = (drive + hidden_state @ params["core.recurrent_weight"].T).sigmoid()
        conductance = opened * torch_decay(spec, params["core.synapse_tau_raw"])
        decay = torch_decay(spec, params["core.tau_raw"]) + conductance
        return decay, conductance * params["core.reversal"]
