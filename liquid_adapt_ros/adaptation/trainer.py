"""Window training: one gradient step on the last seconds, kept only if it helps there."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork

Params = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class LabelledWindow:
    """A window to train on.

    Attributes:
        features: (T, F) normalised features [1].
        dt_s: (T,) time from the sample before to each sample [s].
        initial_hidden_state: (H,) the network's state before the first sample.
        target: (T, O) wanted outputs in normalised units [1]; NaN where unknown.
    """

    features: NDArray[np.float32]
    dt_s: NDArray[np.float64]
    initial_hidden_state: NDArray[np.float32]
    target: NDArray[np.float32]


@dataclass(frozen=True)
class TrainerSettings:
    """How far one training step may go.

    Attributes:
        learning_rate: AdamW's rate for the weight matrices and time constants.
        bias_learning_rate: its rate for the bias vectors. They correct what a disturbance shifts
            everywhere, and do not tie the correction to the places in this one window.
        gradient_floor: AdamW's epsilon. Gradients well below it move the weights in proportion,
            as plain gradient descent does; above it by the learning rate. Without it, AdamW makes
            steps of the same size out of the noise that is left when there is nothing to learn.
        max_gradient_norm: the gradient is scaled down to this norm.
        position_weight, action_weight: weights of the two mean squared errors in the loss.
    """

    learning_rate: float = 1e-3
    bias_learning_rate: float = 1e-2
    gradient_floor: float = 0.1
    max_gradient_norm: float = 1.0
    position_weight: float = 1.0
    action_weight: float = 0.1


@dataclass(frozen=True)
class Losses:
    """Mean squared errors over the labelled outputs of a window [1], and their weighted sum."""

    position: float
    action: float
    total: float


@dataclass(frozen=True)
class TrainingStep:
    """What one step came to.

    Attributes:
        params: all learnable tensors after the step; None where the candidate was rejected.
        rejection: why, empty where it was not.
        before, after: losses on the window; `after` is that of the candidate.
        step_time_s: wall-clock time of the step [s].
    """

    params: Params | None
    rejection: str
    before: Losses
    after: Losses
    step_time_s: float

    @property
    def expected_gain_percent(self) -> float:
        """Fall of the loss on the window, 100 (1 - after / before) [%]."""
        if not self.before.total > 0.0:
            return 0.0
        return 100.0 * (1.0 - self.after.total / self.before.total)


class WindowTrainer:
    """The adapted weights and their optimiser (AdamW, Loshchilov & Hutter, arXiv 1711.05101).

    There is no weight decay: it would pull towards zero, away from the shipped weights. The time
    constants stay in their range by their parametrisation (see lnn.time_constants).

    Args:
        spec: the policy's sizes.
        params: the learnable tensors to start from.
        settings: how far a step may go; another value counts from the next step on.
    """

    def __init__(
        self,
        spec: PolicySpec,
        params: Mapping[str, NDArray[np.float32]],
        settings: TrainerSettings,
    ):
        self._spec = spec
        self.settings = settings
        self._position = spec.layout.slices()["position"]
        self.restart(params)

    def restart(self, params: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on from other weights, and forget what the optimiser gathered about the old ones."""
        self._policy = LiquidNetwork(self._spec.network, params)
        by_kind: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in self._policy.named_parameters():
            by_kind[name.endswith("bias")].append(parameter)
        groups = [{"params": by_kind[True]}, {"params": by_kind[False]}]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=0.0)

    def step(self, window: LabelledWindow) -> TrainingStep:
        """Make one step on the window and keep it if the loss there falls and is finite.

        Raises:
            ValueError: no output of the window is labelled.
        """
        started = time.perf_counter()
        if np.isnan(window.target).all():
            raise ValueError("no output of the window is labelled")
        self._set_rates()
        params = self._policy.to_numpy()
        loss, before = self._loss(window)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._policy.parameters(), self.settings.max_gradient_norm)
        if not torch.isfinite(norm):
            return self._rejected("the gradient is not finite", before, before, started)
        self._optimiser.step()
        with torch.no_grad():
            _, after = self._loss(window)
        # Written so that NaN counts as worse.
        if not after.total <= before.total:
            self._policy.load_numpy(params)
            return self._rejected("the loss on the window grew", before, after, started)
        return TrainingStep(
            self._policy.to_numpy(), "", before, after, time.perf_counter() - started
        )

    def _set_rates(self) -> None:
        biases, weights = self._optimiser.param_groups
        biases["lr"] = self.settings.bias_learning_rate
        weights["lr"] = self.settings.learning_rate
        biases["eps"] = weights["eps"] = self.settings.gradient_floor

    def _loss(self, window: LabelledWindow) -> tuple[Tensor, Losses]:
        outputs, _ = self._policy(
            torch.from_numpy(window.features)[None],
            torch.from_numpy(window.initial_hidden_state)[None],
            window.dt_s,
        )
        target = torch.from_numpy(window.target)
        squared = (outputs[0] - target.nan_to_num()).square()
        known = ~target.isnan()
        is_position = torch.zeros_like(known)
        is_position[:, self._position] = True
        position = _mean(squared, known & is_position)
        action = _mean(squared, known & ~is_position)
        total = self.settings.position_weight * position + self.settings.action_weight * action
        return total, Losses(*(float(term.detach()) for term in (position, action, total)))

    def _rejected(
        self, reason: str, before: Losses, after: Losses, started: float
    ) -> TrainingStep:
        return TrainingStep(None, reason, before, after, time.perf_counter() - started)


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return values[chosen].mean() if chosen.any() else values.new_zeros(())
