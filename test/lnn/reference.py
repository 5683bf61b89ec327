"""The policy as plain torch operations: what autograd says is the yardstick of the kernels."""

import torch
from torch import Tensor

from liquid_adapt_ros.lnn.spec import PolicySpec


def reference_outputs(
    spec: PolicySpec, params: dict[str, Tensor], hidden_state: Tensor, features: Tensor, steps
) -> tuple[Tensor, Tensor]:
    """Return the normalised outputs (B, T, O) and the states (B, T, H)."""
    tau = time_constant(spec, params["core.tau_raw"])

    def rate(state: Tensor, sample: Tensor) -> Tensor:
        argument = (
            sample @ params["core.input_weight"].T
            + state @ params["core.recurrent_weight"].T
            + params["core.bias"]
        )
        drive = torch.tanh(argument) @ params["core.output_weight"].T + params["core.output_bias"]
        return drive - state / tau

    states = []
    for t, dt in enumerate(steps):
        sample = features[:, t]
        k1 = rate(hidden_state, sample)
        k2 = rate(hidden_state + 0.5 * dt * k1, sample)
        k3 = rate(hidden_state + 0.5 * dt * k2, sample)
        k4 = rate(hidden_state + dt * k3, sample)
        hidden_state = hidden_state + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        states.append(hidden_state)
    states = torch.stack(states, dim=1)
    phi = torch.nn.functional.silu(
        states @ params["head.hidden_weight"].T
        + features @ params["head.input_weight"].T
        + params["head.bias"]
    )
    return phi @ params["readout.weight"].T + params["readout.bias"], states


def time_constant(spec: PolicySpec, tau_raw: Tensor) -> Tensor:
    return spec.tau_min_s * (spec.tau_max_s / spec.tau_min_s) ** torch.sigmoid(tau_raw)
