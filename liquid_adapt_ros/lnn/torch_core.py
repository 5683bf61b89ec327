"""A cell as a torch module: `step` and `unroll`, with gradients.

Three ways lead through a window, all behind the same calls: the compiled kernel (every solver that
it knows, on the CPU, in float32 and float64), on CUDA the cell's plain equations replayed as one
graph, and where neither is possible (torchdiffeq's solvers) the plain equations as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from liquid_adapt_ros.lnn.cuda_graphs import GraphedWindows
from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.kernel import CoreWindow, kernel_shape
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.time_constants import torch_decay

_KERNEL_DTYPES = (torch.float32, torch.float64)


class LiquidCore(nn.Module):
    """The core of a network: parameters named as in spec.shapes(), without their "core.".

    spec: sizes, cell and solver; what it says of head and readout does not matter here. params:
    initial values by full name; random ones, from `seed`, where they are left out.

    `compiled` tells whether the kernel or a graph is used where it can be; set it to False for
    what only plain torch operations allow, such as second derivatives.
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
        for name in spec.core.shapes(spec):
            value = nn.Parameter(torch.tensor(params[name]))
            self.register_parameter(name.removeprefix("core."), value)
        self.compiled = has_kernel(spec)
        self._graphs = GraphedWindows(self._plain)

    def step(
        self, hidden_state: Tensor, features: Tensor, dt_s: float | Tensor | None = None
    ) -> Tensor:
        """Return the state (B, H) one sample after hidden_state (B, H), for features (B, F).

        dt_s: time since the sample before [s], one or (B,); the spec's where left out.
        """
        if isinstance(dt_s, Tensor):
            dt_s = dt_s.reshape(-1, 1)
        return self.unroll(hidden_state, features.unsqueeze(1), dt_s)[1]

    def unroll(
        self,
        initial_state: Tensor | None,
        sequence: Tensor,
        dts_s: float | np.ndarray | Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the states (B, T, H) after each sample and the last of them (B, H).

        initial_state: (B, H), zero where None. sequence: (B, T, F), each sample held over the
        time before it. dts_s: that time [s], one for all, (T,), or (B, T); the spec's where left
        out; no gradient reaches it. Raises ValueError where shapes do not fit, a time is not
        positive and finite, or the solver would be unstable.
        """
        if sequence.dim() != 3 or sequence.shape[2] != self.spec.features:
            raise ValueError(
                f"sequence must be (batch, time, {self.spec.features}), "
                f"got {tuple(sequence.shape)}"
            )
        batch, time, _ = sequence.shape
        if not time:
            raise ValueError("sequence has no sample: its time is 0 long")
        dts = self._time_steps(dts_s, batch, time)
        if initial_state is None:
            initial_state = sequence.new_zeros(batch, self.spec.hidden, dtype=self.bias.dtype)
        if initial_state.shape != (batch, self.spec.hidden):
            raise ValueError(
                f"hidden state must be ({batch}, {self.spec.hidden}), "
                f"got {tuple(initial_state.shape)}"
            )
        drive = nn.functional.linear(sequence, self.input_weight, self.bias).transpose(0, 1)
        # Under autocast a product is of low precision; the state is not.
        drive = drive.to(self.bias.dtype)
        on_cuda = self.bias.is_cuda
        if self.compiled and not on_cuda and self.bias.dtype in _KERNEL_DTYPES:
            states = self._by_kernel(initial_state, drive, dts)
        else:
            run = self._graphs if self.compiled and on_cuda else self._plain
            states = run(
                drive, initial_state, torch.from_numpy(dts).to(self.bias), *self.parameters()
            )
        return states.transpose(0, 1), states[-1]

    def _time_steps(
        self, dts_s: float | np.ndarray | Tensor | None, batch: int, time: int
    ) -> np.ndarray:
        """Return the time steps, checked, as (T, B) float64."""
        if dts_s is None:
            dts_s = self.spec.step_s
        elif isinstance(dts_s, Tensor):
            dts_s = dts_s.detach().cpu().numpy()
        dts = np.asarray(dts_s, np.float64)
        if dts.ndim and dts.shape not in ((time,), (batch, time), (batch, 1)):
            raise ValueError(
                f"dts_s must be one number, ({time},) or ({batch}, {time}), got {dts.shape}"
            )
        shortest, longest = dts.min(), dts.max()
        if not (shortest > 0.0 and longest < np.inf):
            raise ValueError(
                f"dts_s must be positive and finite, got values from {shortest} to {longest}"
            )
        self.spec.check_step(float(longest))
        return np.array(np.broadcast_to(dts, (batch, time)).T)

    def _by_kernel(self, initial_state: Tensor, drive: Tensor, dts: np.ndarray) -> Tensor:
        weights = {
            "recurrent": self.recurrent_weight,
            "output": getattr(self, "output_weight", None),
            "output_bias": getattr(self, "output_bias", None),
            "reversal": getattr(self, "reversal", None),
        }
        for key, name in (("decay", "tau_raw"), ("conductance", "synapse_tau_raw")):
            raw = getattr(self, name, None)
            weights[key] = None if raw is None else torch_decay(self.spec, raw)
        return _KernelWindow.apply(
            self.spec,
            dts,
            tuple(weights),
            drive,
            initial_state.to(drive.dtype),
            *weights.values(),
        )

    def _plain(
        self, drive: Tensor, initial_state: Tensor, dts: Tensor, *parameters: Tensor
    ) -> Tensor:
        """Return the states (T, B, H) by the cell's plain equations."""
        params = dict(zip(self.spec.core.shapes(self.spec), parameters, strict=True))
        state, states = initial_state, []
        for t in range(drive.shape[0]):
            state = self.spec.core.advance(self.spec, params, drive[t], state, dts[t].unsqueeze(1))
            states.append(state)
        return torch.stack(states)


def has_kernel(spec: NetworkSpec) -> bool:
    """Tell whether cell and solver are compiled."""
    try:
        kernel_shape(spec)
    except ValueError:
        return False
    return True


class _KernelWindow(torch.autograd.Function):
    """States (T, B, H) of a window, with the kernel's own gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        spec: NetworkSpec,
        dts: np.ndarray,
        names: tuple[str, ...],
        drive: Tensor,
        initial_state: Tensor,
        *weights: Tensor | None,
    ) -> Tensor:
        arrays = {
            name: value.detach().contiguous().numpy()
            for name, value in zip(names, weights, strict=True)
            if value is not None
        }
        core = CoreWindow(spec, arrays)
        keep = any(ctx.needs_input_grad)
        states, trace = core.forward(
            initial_state.detach().numpy(), drive.detach().numpy(), dts, keep
        )
        if keep:
            ctx.core, ctx.trace, ctx.names = core, trace, names
            # Saved by torch too, so that a change in place before backward is noticed.
            ctx.save_for_backward(*(value for value in weights if value is not None))
        return torch.from_numpy(states)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, state_gradients: Tensor) -> tuple:
        _ = ctx.saved_tensors
        gradients = ctx.core.backward(ctx.trace, state_gradients.numpy())
        by_weight = (
            torch.from_numpy(np.ascontiguousarray(value)) if needed else None
            for value, needed in zip(
                (getattr(gradients, name) for name in ctx.names),
                ctx.needs_input_grad[5:],
                strict=True,
            )
        )
        drive, start = torch.from_numpy(gradients.drive), torch.from_numpy(gradients.hidden_state)
        return None, None, None, drive, start, *by_weight
