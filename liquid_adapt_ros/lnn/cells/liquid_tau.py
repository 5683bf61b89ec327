"""The liquid core: time constants that depend on input and state.

    dh/dt = -h / tau(x, h) + f(x, h)
    f = W_out tanh(W_in x + W_rec h + b) + b_out
    tau = tau_min (tau_max / tau_min)^sigmoid(V_in x + V_rec h + c)

(Hasani et al., arXiv 2006.04439: a liquid time constant is one that varies with the input; here
it stays in its range by the sigmoid.) The rows of V lie below those of W in one matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liquid_adapt_ros.lnn.cells.base import RECURRENT_GAIN, OdeCell, scaled, spread_tau
from liquid_adapt_ros.lnn.time_constants import log_range, torch_decay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from liquid_adapt_ros.lnn.network_spec import NetworkSpec, Shape

# At the start log tau varies by some tenths around its spread of values, whatever its range.
_LOG_TAU_GAIN = 1.0


class LiquidTau(OdeCell):
    """See the top of this file."""

    name = "liquid_tau"

    def shapes(self, spec: NetworkSpec) -> dict[str, Shape]:
        """See Cell.shapes."""
        hidden = spec.hidden
        return {
            "core.input_weight": (2 * hidden, spec.features),
            "core.recurrent_weight": (2 * hidden, hidden),
            "core.bias": (2 * hidden,),
            "core.output_weight": (hidden, hidden),
            "core.output_bias": (hidden,),
        }

    def initial_params(self, spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See Cell.initial_params."""
        hidden = spec.hidden
        tau, tau_raw = spread_tau(spec, rng)
        square, wide = (hidden, hidden), (hidden, spec.features)
        tau_gain = _LOG_TAU_GAIN / log_range(spec)
        return {
            "core.input_weight": np.concatenate([scaled(rng, wide), scaled(rng, wide, tau_gain)]),
            "core.recurrent_weight": np.concatenate(
                [scaled(rng, square, RECURRENT_GAIN), scaled(rng, square, tau_gain)]
            ),
            "core.bias": np.concatenate([np.zeros(hidden), tau_raw]),
            "core.output_weight": scaled(rng, square, 1.5) / tau[:, None],
            "core.output_bias": np.zeros(hidden),
        }

    def rates(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """See OdeCell.rates."""
        driven = drive + hidden_state @ params["core.recurrent_weight"].T
        activation = driven[..., : spec.hidden].tanh()
        gain = activation @ params["core.output_weight"].T + params["core.output_bias"]
        return torch_decay(spec, driven[..., spec.hidden :]), gain
