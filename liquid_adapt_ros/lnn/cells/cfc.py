"""The closed-form continuous-time network (CfC; Hasani et al., Nature Machine Intelligence 4,
2022, arXiv 2106.13898, eq. 10): no solver, a step is one gate in closed form.

    z = 1.7159 tanh(0.666 (W_in x + W_rec h + b))
    h(t + dt) = (1 - s) tanh(g) + s tanh(k),     s = sigmoid(a dt + c)

g, k, a and c are four linear maps of z, stacked in core.output_weight. With the time-dependent
gate s the network interpolates between g, what it holds at once, and k, what it tends to. There
are no time constants to bound; dt counts in units of the spec's step, so that the first values of
the weights suit any sampling rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liquid_adapt_ros.lnn.cells.base import Cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from liquid_adapt_ros.lnn.network_spec import NetworkSpec, Shape

# LeCun's scaled tanh (Efficient BackProp, 1998).
_LECUN_SCALE, _LECUN_SLOPE = 1.7159, 0.666


class Cfc(Cell):
    """See the top of this file."""

    name = "cfc"
    solvers = ("closed_form",)

    def shapes(self, spec: NetworkSpec) -> dict[str, Shape]:
        """See Cell.shapes."""
        return {
            "core.input_weight": (spec.backbone, spec.features),
            "core.recurrent_weight": (spec.backbone, spec.hidden),
            "core.bias": (spec.backbone,),
            "core.output_weight": (4 * spec.hidden, spec.backbone),
            "core.output_bias": (4 * spec.hidden,),
        }

    def initial_params(self, spec: NetworkSpec, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See Cell.initial_params; variances of Glorot & Bengio (AISTATS 2010), as the authors'
        implementation has them: input and state are one layer, each of the four maps another."""
        hidden, backbone = spec.hidden, spec.backbone
        into_layer = np.sqrt(2.0 / (spec.features + hidden + backbone))
        out_of_layer = np.sqrt(2.0 / (backbone + hidden))
        return {
            "core.input_weight": into_layer * rng.standard_normal((backbone, spec.features)),
            "core.recurrent_weight": into_layer * rng.standard_normal((backbone, hidden)),
            "core.bias": np.zeros(backbone),
            "core.output_weight": out_of_layer * rng.standard_normal((4 * hidden, backbone)),
            "core.output_bias": np.zeros(4 * hidden),
        }

    def max_stable_step_s(self, spec: NetworkSpec) -> float:
        """See Cell.max_stable_step_s; nothing is integrated."""
        return float("inf")

    def time_unit_s(self, spec: NetworkSpec) -> float:
        """See Cell.time_unit_s."""
        return spec.step_s

    def advance(
        self,
        spec: NetworkSpec,
        params: Mapping[str, Tensor],
        drive: Tensor,
        hidden_state: Tensor,
        dt_s: Tensor,
    ) -> Tensor:
        """See Cell.advance."""
        part = dt_s / (spec.substeps * self.time_unit_s(spec))
        for _ in range(spec.substeps):
            driven = drive + hidden_state @ params["core.recurrent_weight"].T
            backbone = _LECUN_SCALE * (_LECUN_SLOPE * driven).tanh()
            maps = backbone @ params["core.output_weight"].T + params["core.output_bias"]
            start, end, slope, offset = maps.chunk(4, dim=-1)
            gate = (slope * part + offset).sigmoid()
            hidden_state = (1.0 - gate) * start.tanh() + gate * end.tanh()
        return hidden_state
