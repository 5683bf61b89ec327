"""The design's core: a liquid network whose time constants are learned but do not depend on h.

    dh/dt = -h / tau + f(x, h),     f = W_out tanh(W_in x + W_rec h + b) + b_out

One time constant for each unit, learnable within a range (a continuous-time recurrent network:
Funahashi & Nakamura, Neural Networks 6, 1993; Hasani et al., arXiv 2006.04439, eq. 1 with the
decay kept apart).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liquid_adapt_ros.lnn.cells.base import RECURRENT_GAIN, OdeCell, scaled, spread_tau
from liquid_adapt_ros.lnn.time_constants import torch_decay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from liquid_adapt_ros.lnn.network_spec import NetworkSpec, Shape


class LiquidOde(OdeCell):
    """See the top of this file."""

    name = "liquid_ode"

    def shapes(self, spec: NetworkSpec) -> dict[str, Shape]:
        """See Cell.shapes."""
        hidden = spec.hidden
        return {
            "core.input_weight": (hidden, spec.features),
            "core.recurrent_weight": (hidden, hidden),
            "core.bias": (hidden,),
            "core.output_weight": (hidden, hidden),
            "core.output_bias": (hidden,),
            "core.tau_raw": (hidden,),
        }

    def initial_params(self, spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See Cell.initial_params; a slow input drives h to tau f, so W_out is divided by tau."""
        hidden = spec.hidden
        tau, tau_raw = spread_tau(spec, rng)
        return {
            "core.input_weight": scaled(rng, (hidden, spec.features)),
            "core.recurrent_weight": scaled(rng, (hidden, hidden), RECURRENT_GAIN),
            "core.bias": np.zeros(hidden),
            "core.output_weight": scaled(rng, (hidden, hidden), 1.5) / tau[:, None],
            "core.output_bias": np.zeros(hidden),
            "core.tau_raw": tau_raw,
        }

    def rates(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """See OdeCell.rates."""
        activation = (drive + hidden_state @ params["core.recurrent_weight"].T).tanh()
        gain = activation @ params["core.output_weight"].T + params["core.output_bias"]
        return torch_decay(spec, params["core.tau_raw"]).expand_as(gain), gain
