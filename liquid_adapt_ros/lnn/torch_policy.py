"""The policy as a torch module, for optimisers and losses written in torch.

Its values and gradients come from the kernels in this folder, not from autograd through the
steps: for one window on one core that is more than ten times as fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from liquid_adapt_ros.lnn import gradient
from liquid_adapt_ros.lnn.head import policy_outputs
from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import PolicySpec


class LiquidPolicy(nn.Module):
    """Core and head; the keys of its state_dict are the tensor names of PolicySpec.shapes().

    spec: the sizes. params: initial values (float32, or float64 for a float64 module); random
    ones, from `seed`, where they are left out.
    """

    def __init__(
        self, spec: PolicySpec, params: Mapping[str, np.ndarray] | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.spec = spec
        if params is None:
            params = initial_params(spec, np.random.default_rng(seed))
        spec.check_params(params)
        for name in spec.shapes():
            group, tensor_name = name.split(".")
            if group not in self._modules:
                self.add_module(group, nn.Module())
            value = nn.Parameter(torch.tensor(params[name]))
            self._modules[group].register_parameter(tensor_name, value)

    def forward(
        self,
        features: Tensor,
        hidden_state: Tensor | None = None,
        dt_s: float | np.ndarray | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run over a window.

        features: (B, T, F), normalised; no gradient reaches them, ValueError if one is asked for.
        hidden_state: (B, H) before the window, zero where left out. dt_s: step [s], one or (T,),
        the spec's where left out. Returns the normalised outputs (B, T, O) and the last state
        (B, H), on the device of `features`. The arithmetic runs on the CPU.
        """
        if features.requires_grad:
            raise ValueError("the features' gradient is not computed: detach() them")
        if hidden_state is None:
            hidden_state = features.new_zeros(features.shape[0], self.spec.hidden)
        dt_s = self.spec.step_s if dt_s is None else dt_s
        if torch.is_grad_enabled():
            return _Window.apply(self.spec, dt_s, features, hidden_state, *self.parameters())
        arguments = _arguments(self.spec, dt_s, features, hidden_state, tuple(self.parameters()))
        outputs, states = policy_outputs(*arguments)
        return _tensor(outputs, features.device), _tensor(states[:, -1], features.device)

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return copies of the learnable tensors by name."""
        return {name: _array(value).copy() for name, value in self.state_dict().items()}

    def load_numpy(self, params: Mapping[str, np.ndarray]) -> None:
        """Set all learnable tensors; raise ValueError where they do not fit."""
        self.spec.check_params(params)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.tensor(params[name]))


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        spec: PolicySpec,
        dt_s: float | np.ndarray,
        features: Tensor,
        hidden_state: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        arguments = _arguments(spec, dt_s, features, hidden_state, parameters)
        outputs, last_state, ctx.trace = gradient.forward(*arguments)
        # Saved by torch too, so that a change in place before backward is noticed.
        ctx.save_for_backward(*parameters)
        ctx.spec = spec
        ctx.device, ctx.state_dtype = hidden_state.device, hidden_state.dtype
        return _tensor(outputs, features.device), _tensor(last_state, features.device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, output_gradient: Tensor, last_state_gradient: Tensor) -> tuple:
        parameters = ctx.saved_tensors
        gradients = gradient.backward(
            ctx.spec,
            _by_name(ctx.spec, parameters),
            ctx.trace,
            _array(output_gradient),
            _array(last_state_gradient),
        )
        hidden_state = _tensor(gradients.hidden_state, ctx.device).to(ctx.state_dtype)
        by_parameter = (
            _tensor(gradients.params[name], parameter.device)
            for name, parameter in zip(ctx.spec.shapes(), parameters, strict=True)
        )
        return None, None, None, hidden_state, *by_parameter


def _arguments(
    spec: PolicySpec,
    dt_s: float | np.ndarray,
    features: Tensor,
    hidden_state: Tensor,
    parameters: tuple[Tensor, ...],
) -> tuple[Any, ...]:
    """Return what the kernels take, in the dtype of the parameters."""
    dtype = parameters[0].dtype
    state, inputs = _array(hidden_state.to(dtype)), _array(features.to(dtype))
    return spec, _by_name(spec, parameters), state, inputs, dt_s


def _by_name(spec: PolicySpec, parameters: tuple[Tensor, ...]) -> dict[str, np.ndarray]:
    return {name: _array(value) for name, value in zip(spec.shapes(), parameters, strict=True)}


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)
