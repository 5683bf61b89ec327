"""The slow time scale: gradient steps on the whole network, over windows new and old."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from liquid_adapt_ros.adaptation.windows import Params, Windows
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained.

    Attributes:
        learning_rate: AdamW's rate for the weight matrices and time constants.
        bias_learning_rate: its rate for the bias vectors. They correct what a disturbance shifts
            everywhere, and do not tie the correction to the places in this one window.
        gradient_floor: AdamW's epsilon. Gradients well below it move the weights in proportion,
            as plain gradient descent does; above it by the learning rate. Without it, AdamW makes
            steps of the same size out of the noise that is left when there is nothing to learn.
        max_gradient_norm: the gradient is scaled down to this norm.
        steps: optimiser steps, each a training job of its own, that make one candidate.
        accumulate: batches whose gradients are summed for one optimiser step.
        linear_from: errors beyond this count linearly (Huber), in output units [1].
        elastic_strength: weight of the pull towards the shipped weights, each by its Fisher
            information (EWC, Kirkpatrick et al., PNAS 114, 2017); 0: none.
        device: where torch trains, "cpu" or "cuda". On CUDA head and readout run in half
            precision (torch.amp), the state in single; on a CPU that would be slower and is off.
    """

    learning_rate: float = 2e-4
    bias_learning_rate: float = 6e-4
    gradient_floor: float = 1e-3
    max_gradient_norm: float = 1.0
    steps: int = 4
    accumulate: int = 1
    linear_from: float = 0.3
    elastic_strength: float = 1.0
    device: str = "cpu"

    @property
    def mixed_precision(self) -> bool:
        """Whether torch.amp is on."""
        return self.device.startswith("cuda")


class WindowTraining:
    """The trained weights and their optimiser (AdamW, Loshchilov & Hutter, arXiv 1711.05101).

    There is no weight decay: it would pull towards zero, away from the shipped weights. The time
    constants stay in their range by their parametrisation (see lnn.time_constants).

    Args:
        spec: the network's sizes.
        params: the learnable tensors to start from, which EWC pulls back to.
        output_weight: (O,) how much each output's error counts.
        settings: see there.
        fisher: diagonal Fisher information of the tensors; none: no EWC.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        params: Params,
        output_weight: NDArray[np.float32],
        settings: TrainingSettings,
        fisher: Mapping[str, NDArray[np.float32]] | None = None,
    ):
        self.settings = settings
        self._device = torch.device(settings.device)
        self._network = LiquidNetwork(spec, params).to(self._device)
        self._output_weight = torch.as_tensor(output_weight).to(self._device)
        self._shipped = {
            name: torch.tensor(value, device=self._device) for name, value in params.items()
        }
        self.restore_fisher(_relative(fisher or {}))
        by_kind: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in self._network.named_parameters():
            by_kind[name.endswith("bias")].append(parameter)
        self._optimiser = torch.optim.AdamW(
            [
                {"params": by_kind[True], "lr": settings.bias_learning_rate},
                {"params": by_kind[False], "lr": settings.learning_rate},
            ],
            eps=settings.gradient_floor,
            weight_decay=0.0,
        )
        self._scaler = torch.amp.GradScaler(enabled=settings.mixed_precision)

    def params(self) -> dict[str, NDArray[np.float32]]:
        """Copies of the learnable tensors."""
        return self._network.to_numpy()

    def go_on_from(self, params: Params) -> None:
        """Go on from other weights, with what the optimiser has gathered."""
        self._network.load_numpy(params)

    def forget_optimiser(self) -> None:
        """Start anew with the optimiser's moments."""
        self._optimiser.state.clear()

    def optimiser_state(self) -> tuple[dict[str, NDArray[np.float32]], int]:
        """AdamW's moments by tensor, and the number of steps they come from."""
        tensors, steps = {}, 0
        for name, parameter in self._network.named_parameters():
            state = self._optimiser.state.get(parameter)
            if state:
                steps = int(state["step"])
                for moment in _MOMENTS:
                    tensors[f"{moment}.{name}"] = state[moment].cpu().numpy()
        return tensors, steps

    def optimiser_shapes(self, steps: int) -> dict[str, tuple[int, ...]]:
        """Shapes of what `optimiser_state` returns after so many steps."""
        if not steps:
            return {}
        return {
            f"{moment}.{name}": tuple(parameter.shape)
            for name, parameter in self._network.named_parameters()
            for moment in _MOMENTS
        }

    def restore_optimiser(self, tensors: Mapping[str, NDArray[np.float32]], steps: int) -> None:
        """Set what `optimiser_state` returned."""
        self._optimiser.state.clear()
        if not steps:
            return
        for name, parameter in self._network.named_parameters():
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(steps)),
                **{
                    moment: torch.tensor(tensors[f"{moment}.{name}"], device=self._device)
                    for moment in _MOMENTS
                },
            }

    @property
    def fisher(self) -> dict[str, NDArray[np.float32]]:
        """Diagonal Fisher information of the tensors, in units of its mean; {} where unknown."""
        return {name: value.cpu().numpy() for name, value in self._fisher.items()}

    def restore_fisher(self, fisher: Mapping[str, NDArray[np.float32]]) -> None:
        """Set what `fisher` returned."""
        self._fisher = {
            name: torch.tensor(value, device=self._device) for name, value in fisher.items()
        }

    def step(self, batches: list[Windows], weights: list[NDArray[np.float32]]) -> float:
        """One optimiser step on the sum of the losses of some batches; returns their mean.

        weights: for each batch (B,) how much each window counts.
        Raises FloatingPointError, and changes nothing, where the gradient is not finite.
        """
        self._optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for batch, weight in zip(batches, weights, strict=True):
            loss = self._loss(self._outputs(batch), batch, weight) / len(batches)
            self._scaler.scale(loss).backward()
            total += float(loss.detach())
        if self.settings.elastic_strength > 0.0 and self._fisher:
            self._scaler.scale(self.settings.elastic_strength * self._elastic()).backward()
        self._scaler.unscale_(self._optimiser)
        norm = nn.utils.clip_grad_norm_(
            self._network.parameters(), self.settings.max_gradient_norm
        )
        if not (math.isfinite(total) and torch.isfinite(norm)) and not self._scaler.is_enabled():
            raise FloatingPointError("the gradient is not finite")
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return total

    @torch.no_grad()
    def error(self, windows: Windows) -> float:
        """The loss over some windows, all of the same weight, without EWC."""
        return self._mean_loss(self._outputs(windows), windows)

    @torch.no_grad()
    def phi(self, windows: Windows) -> NDArray[np.float64]:
        """What the readout reads, (B T, P), over all samples of some windows."""
        return _flat(self._phi(windows))

    @torch.no_grad()
    def error_and_phi(self, windows: Windows) -> tuple[float, NDArray[np.float64]]:
        """Both at once."""
        phi = self._phi(windows)
        return self._mean_loss(self._network.read_out(phi), windows), _flat(phi)

    def _mean_loss(self, outputs: Tensor, windows: Windows) -> float:
        return float(self._loss(outputs, windows, np.ones(len(windows), np.float32)))

    def _loss(self, outputs: Tensor, batch: Windows, weight: NDArray[np.float32]) -> Tensor:
        target = torch.from_numpy(batch.target).to(self._device)
        known = ~target.isnan()
        error = functional.smooth_l1_loss(
            outputs,
            target.nan_to_num(),
            beta=self.settings.linear_from,
            reduction="none",
        )
        counts = known.float()
        # Windows count by their weight, whatever the number of labels in them.
        per_window = (error * counts).sum(1) / counts.sum(1).clamp_min(1.0)
        window_weight = torch.from_numpy(weight).to(self._device)
        per_output = (per_window * window_weight[:, None]).sum(0) / window_weight.sum()
        return (per_output * self._output_weight).sum() / self._output_weight.sum()

    def _outputs(self, batch: Windows) -> Tensor:
        with torch.autocast(self._device.type, enabled=self.settings.mixed_precision):
            return self._network.read_out(self._phi(batch)).float()

    def _phi(self, batch: Windows) -> Tensor:
        features = torch.from_numpy(batch.features).to(self._device)
        state = torch.from_numpy(batch.hidden_state).to(self._device)
        states, _ = self._network.core.unroll(state, features, batch.dt_s)
        return self._network.phi(states, features)

    def _elastic(self) -> Tensor:
        terms = [
            (self._fisher[name] * (parameter - self._shipped[name]).square()).sum()
            for name, parameter in self._network.named_parameters()
        ]
        return 0.5 * torch.stack(terms).sum()


def _flat(phi: Tensor) -> NDArray[np.float64]:
    return phi.flatten(0, 1).double().cpu().numpy()


def _relative(fisher: Mapping[str, NDArray[np.float32]]) -> Params:
    """The information in units of its mean, so that a strength means the same for all models."""
    if not fisher:
        return {}
    mean = float(np.concatenate([value.ravel() for value in fisher.values()]).mean())
    return {name: value / np.float32(max(mean, 1e-30)) for name, value in fisher.items()}


def fisher_information(
    spec: NetworkSpec, params: Params, windows: Windows, output_weight: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Diagonal of the empirical Fisher information: the mean over windows of squared gradients.

    The loss of a window is the mean squared error of its known labels, in output units.
    """
    network = LiquidNetwork(spec, params)
    weight = torch.as_tensor(output_weight)
    total = {name: torch.zeros_like(value) for name, value in network.named_parameters()}
    for index in range(len(windows)):
        window = windows.select([index])
        outputs = network(
            torch.from_numpy(window.features),
            torch.from_numpy(window.hidden_state),
            window.dt_s,
        )[0]
        target = torch.from_numpy(window.target)
        known = (~target.isnan()).float()
        squared = (outputs - target.nan_to_num()).square() * known
        loss = (squared.sum((0, 1)) / known.sum((0, 1)).clamp_min(1.0) * weight).sum()
        network.zero_grad(set_to_none=True)
        (loss / weight.sum()).backward()
        for name, value in network.named_parameters():
            total[name] += value.grad.square() / len(windows)
    return {name: value.numpy() for name, value in total.items()}
