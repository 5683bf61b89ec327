"""The peers: the same sizes in torchdiffeq, ncps and torch, used as their documentation shows.

Only this file imports torchdiffeq and ncps (requirements/bench.txt).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchdiffeq
from ncps.torch import LTC, CfC
from torch import Tensor, nn
from torch.nn import functional

from liquid_adapt_ros.lnn import LiquidCore
from liquid_adapt_ros.lnn.time_constants import torch_decay
from liquid_adapt_ros.tools.bench.plain_form import plain_network
from liquid_adapt_ros.tools.bench.settings import Workload
from liquid_adapt_ros.tools.bench.steps import plain_step
from liquid_adapt_ros.tools.bench.timing import Subject
from liquid_adapt_ros.tools.bench.windows import window_gradient


class TorchdiffeqCore(nn.Module):
    """The liquid_ode cell integrated by torchdiffeq over a whole window.

    One step of torchdiffeq's rk4 for each sample, the input held over it. As in our own form the
    input is projected once for all evaluations of a window.

    core: sizes and weights. integrate: torchdiffeq.odeint or torchdiffeq.odeint_adjoint.
    """

    def __init__(self, core: LiquidCore, integrate: Callable[..., Tensor]) -> None:
        super().__init__()
        self._core = core
        self._integrate = integrate

    def forward(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """The states (B, T, H) after each sample of a sequence (B, T, F), and the last one."""
        core, spec = self._core, self._core.spec
        drive = functional.linear(sequence, core.input_weight, core.bias).transpose(0, 1)
        decay = torch_decay(spec, core.tau_raw)
        last = len(drive) - 1

        def slope(time: Tensor, state: Tensor) -> Tensor:
            """dh/dt for one step as the unit of time."""
            held = drive[min(int(time), last)]
            activation = (held + functional.linear(state, core.recurrent_weight)).tanh()
            gain = functional.linear(activation, core.output_weight, core.output_bias)
            return spec.step_s * (gain - decay * state)

        options = {}
        if self._integrate is torchdiffeq.odeint_adjoint:
            weights = (core.recurrent_weight, core.output_weight, core.output_bias)
            options["adjoint_params"] = (drive, decay, *weights)
        # perturb: the last stage of a step still sees the input of that step.
        states = self._integrate(
            slope,
            sequence.new_zeros(len(sequence), spec.hidden),
            torch.arange(len(drive) + 1.0),
            method="rk4",
            options={"perturb": True},
            **options,
        )
        return states[1:].transpose(0, 1), states[-1]


class WithReadout(nn.Module):
    """A recurrent layer (states and last state for a sequence) and a linear readout."""

    def __init__(self, recurrent: nn.Module, hidden: int, outputs: int) -> None:
        super().__init__()
        self._recurrent = recurrent
        self._readout = nn.Linear(hidden, outputs)

    def forward(self, sequence: Tensor) -> Tensor:
        """The outputs (B, T, O) for a sequence (B, T, F)."""
        return self._readout(self._recurrent(sequence)[0])


def peer_steps(workload: Workload) -> dict[str, Subject]:
    """One sample in each, without gradients: the cells alone, which leaves them less to do than
    our step with its head and readout."""
    features, hidden = workload.features, workload.hidden
    return {
        "torchdiffeq_window": _window_again(workload),
        "ncps_cfc": _carried(CfC(features, hidden), features, torch.zeros(1, hidden)),
        "ncps_ltc": _carried(LTC(features, hidden), features, torch.zeros(1, hidden)),
        "torch_gru": _carried(
            nn.GRU(features, hidden, batch_first=True), features, torch.zeros(1, 1, hidden)
        ),
        "torch_autograd_form": plain_step(workload.spec()),
    }


def peer_windows(workload: Workload) -> dict[str, Subject]:
    """The gradient of one window in each."""
    return {
        name: window_gradient(network, workload.features, workload.window)
        for name, network in peer_networks(workload).items()
    }


def peer_networks(workload: Workload) -> dict[str, nn.Module]:
    """Networks of the same sizes; all but the plain form with a linear readout and no head."""
    features, hidden, spec = workload.features, workload.hidden, workload.spec()
    recurrent = {
        "torchdiffeq_adjoint": TorchdiffeqCore(LiquidCore(spec), torchdiffeq.odeint_adjoint),
        "torchdiffeq_odeint": TorchdiffeqCore(LiquidCore(spec), torchdiffeq.odeint),
        "ncps_cfc": CfC(features, hidden),
        "ncps_ltc": LTC(features, hidden),
        "torch_gru": nn.GRU(features, hidden, batch_first=True),
    }
    networks: dict[str, nn.Module] = {
        name: WithReadout(layer, hidden, workload.outputs) for name, layer in recurrent.items()
    }
    return networks | {"torch_autograd_form": plain_network(spec)}


def _carried(recurrent: nn.Module, features: int, state: Tensor) -> Subject:
    """One sample through a recurrent layer that carries its state; answers it (1, 1, H)."""
    sequence = torch.randn(1, 1, features)

    @torch.no_grad()
    def call() -> Tensor:
        nonlocal state
        outputs, state = recurrent(sequence, state)
        return outputs

    return call


def _window_again(workload: Workload) -> Subject:
    """The original design's tick: the whole window is integrated again; answers (1, H)."""
    core = TorchdiffeqCore(LiquidCore(workload.spec()), torchdiffeq.odeint)
    sequence = torch.randn(1, workload.window, workload.features)

    @torch.no_grad()
    def call() -> Tensor:
        return core(sequence)[1]

    return call


def peer_sequence_networks(channels: int, units: int) -> dict[str, Callable[[int], nn.Module]]:
    """ncps LTC (fully connected) and CfC; their weights come from torch's own generator."""
    return {
        "ncps_ltc": lambda seed: WithReadout(LTC(channels, units), units, channels),
        "ncps_cfc": lambda seed: WithReadout(CfC(channels, units), units, channels),
    }
