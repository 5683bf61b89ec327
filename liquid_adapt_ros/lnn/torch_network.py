"""A liquid network as a torch module, for optimisers and losses written in torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.torch_core import LiquidCore


class LiquidNetwork(nn.Module):
    """Core, head and readout; the keys of its state_dict are the names of spec.shapes().

    spec: the sizes. params: initial values (float32, or float64 for a float64 module); random
    ones, from `seed`, where they are left out.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        params: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.spec = spec
        if params is None:
            params = initial_params(spec, np.random.default_rng(seed))
        spec.check_params(params)
        self.core = LiquidCore(spec, params)
        for name in list(spec.shapes())[len(spec.core.shapes(spec)) :]:
            group, tensor_name = name.split(".")
            if group not in self._modules:
                self.add_module(group, nn.Module())
            value = nn.Parameter(torch.tensor(params[name]))
            self._modules[group].register_parameter(tensor_name, value)

    def forward(
        self,
        sequence: Tensor,
        hidden_state: Tensor | None = None,
        dts_s: float | np.ndarray | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs (B, T, O) and the last state (B, H).

        Arguments as of LiquidCore.unroll: the sequence (B, T, F), the state before it (B, H),
        zero where left out, and the time from sample to sample [s], one, (T,) or (B, T), the
        spec's where left out.
        """
        states, last_state = self.core.unroll(hidden_state, sequence, dts_s)
        return self.read_out(self.phi(states, sequence)), last_state

    def phi(self, states: Tensor, sequence: Tensor) -> Tensor:
        """Return what the readout reads (..., P) for states (..., H) and inputs (..., F)."""
        if not self.spec.head:
            return states
        driven = functional.linear(sequence, self.head.input_weight, self.head.bias)
        return functional.silu(driven + functional.linear(states, self.head.hidden_weight))

    def read_out(self, phi: Tensor) -> Tensor:
        """Return the outputs (..., O) for what the readout reads (..., P)."""
        return functional.linear(phi, self.readout.weight, self.readout.bias)

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return copies of the learnable tensors by name."""
        return {name: value.cpu().numpy().copy() for name, value in self.state_dict().items()}

    def load_numpy(self, params: Mapping[str, np.ndarray]) -> None:
        """Set all learnable tensors; raise ValueError where they do not fit."""
        self.spec.check_params(params)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.tensor(params[name]))
