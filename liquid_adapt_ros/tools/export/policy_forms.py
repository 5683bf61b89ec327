"""The two forms in which a policy's network leaves PyTorch: one step, and a whole window.

Both are for one robot (batch 1), on normalised features and outputs, and take all weights as
inputs, so that a learner's new weights need no new export. The cell's plain equations are what is
traced, as the compiled kernel is no graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch.func import functional_call
from torch.nn import functional

from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.torch_core import has_kernel
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.runtime.onnx_step import INPUTS, OUTPUTS

WINDOW_INPUTS = ("hidden_state", "sequence", "dts_s")
TIME_AXIS = "time"
# Samples in the window that is traced; any number does.
_TRACED_SAMPLES = 8


class _Step(nn.Module):
    """hidden_state (1, H), features (1, F), dt_s (1, 1) -> outputs (1, O), next state (1, H)."""

    def __init__(self, network: LiquidNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, hidden_state: Tensor, features: Tensor, dt_s: Tensor
    ) -> tuple[Tensor, Tensor]:
        network, core = self.network, self.network.core
        params = {f"core.{name}": value for name, value in core.named_parameters()}
        drive = functional.linear(features, core.input_weight, core.bias)
        state = core.spec.core.advance(core.spec, params, drive, hidden_state, dt_s)
        return network.read_out(network.phi(state, features)), state


class _Window(nn.Module):
    """hidden_state (1, H), sequence (1, T, F), dts_s (1, T) -> outputs (1, T, O), last state."""

    def __init__(self, network: LiquidNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, hidden_state: Tensor, sequence: Tensor, dts_s: Tensor
    ) -> tuple[Tensor, Tensor]:
        network, core = self.network, self.network.core
        names = dict(core.named_parameters())
        drive = functional.linear(sequence, core.input_weight, core.bias)

        def advance(state: Tensor, sample: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            # Copies, because views of what a scan closes over must not leave its body.
            params = {f"core.{name}": value.clone() for name, value in names.items()}
            state = core.spec.core.advance(core.spec, params, sample[0], state, sample[1])
            return state, state.clone()

        by_time = drive.transpose(0, 1), dts_s.reshape(-1, 1, 1)
        last_state, states = scan(advance, hidden_state, by_time)
        states = states.transpose(0, 1)
        return network.read_out(network.phi(states, sequence)), last_state


class _WeightsAsInputs(nn.Module):
    """A form whose network's weights are further inputs, in the order of spec.shapes()."""

    def __init__(self, form: _Step | _Window, spec: NetworkSpec) -> None:
        super().__init__()
        # Not a submodule: the weights it was made with are no part of what is exported.
        self._form = (form,)
        self._names = [f"network.{name}" for name in spec.shapes()]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        weights = dict(zip(self._names, inputs[3:], strict=True))
        return functional_call(self._form[0], weights, inputs[:3])


@dataclass(frozen=True)
class PolicyForm:
    """A form as torch.export traced it.

    Attributes:
        program: the traced form.
        inputs, outputs: names in their order, weights included.
        shapes: of inputs and outputs; the time axis by its name.
        dynamic_shapes: as torch.export takes them.
    """

    program: torch.export.ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int | str, ...]]
    dynamic_shapes: tuple[Any, ...]


def step_form(spec: NetworkSpec, params: Mapping[str, np.ndarray]) -> PolicyForm:
    """Trace one step; raises ValueError for a solver that can't be exported."""
    arguments = (
        torch.zeros(1, spec.hidden),
        torch.zeros(1, spec.features),
        torch.full((1, 1), spec.step_s),
    )
    shapes = _shapes(INPUTS, arguments) | {
        "outputs": (1, spec.outputs),
        "next_hidden_state": (1, spec.hidden),
    }
    return _trace(_Step, spec, params, INPUTS, arguments, shapes, ({}, {}, {}))


def window_form(spec: NetworkSpec, params: Mapping[str, np.ndarray]) -> PolicyForm:
    """Trace a window of any length; raises ValueError for a solver that can't be exported."""
    arguments = (
        torch.zeros(1, spec.hidden),
        torch.zeros(1, _TRACED_SAMPLES, spec.features),
        torch.full((1, _TRACED_SAMPLES), spec.step_s),
    )
    shapes = {
        "hidden_state": (1, spec.hidden),
        "sequence": (1, TIME_AXIS, spec.features),
        "dts_s": (1, TIME_AXIS),
        "outputs": (1, TIME_AXIS, spec.outputs),
        "next_hidden_state": (1, spec.hidden),
    }
    time = torch.export.Dim(TIME_AXIS, min=1)
    return _trace(
        _Window, spec, params, WINDOW_INPUTS, arguments, shapes, ({}, {1: time}, {1: time})
    )


def check_exportable(spec: NetworkSpec) -> None:
    """Raise ValueError where a graph can't do what the solver does."""
    if not has_kernel(spec):
        possible = [s for s in spec.core.solvers if not s.startswith("dopri5")]
        raise ValueError(
            f"solver {spec.solver!r} chooses its steps while it runs, which a fixed graph can't "
            f"do; cell {spec.cell!r} can be exported with {', '.join(possible)}"
        )


def _trace(
    form: type[_Step] | type[_Window],
    spec: NetworkSpec,
    params: Mapping[str, np.ndarray],
    names: tuple[str, ...],
    arguments: tuple[Tensor, ...],
    shapes: dict[str, tuple[int | str, ...]],
    dynamic: tuple[dict[int, Any], ...],
) -> PolicyForm:
    check_exportable(spec)
    spec.check_params(params)
    weights = {name: torch.tensor(params[name]) for name in spec.shapes()}
    module = _WeightsAsInputs(form(LiquidNetwork(spec, params)), spec).eval()
    dynamic_shapes = ((*dynamic, *({} for _ in weights)),)
    program = torch.export.export(
        module, (*arguments, *weights.values()), dynamic_shapes=dynamic_shapes
    )
    return PolicyForm(
        program,
        inputs=(*names, *weights),
        outputs=OUTPUTS,
        shapes=shapes | spec.shapes(),
        dynamic_shapes=dynamic_shapes,
    )


def _shapes(names: tuple[str, ...], tensors: tuple[Tensor, ...]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape) for name, t in zip(names, tensors, strict=True)}
