"""Training of core and head on recorded sequences, by truncated backpropagation through time.

Each of the batch's streams walks through an episode window by window. Most windows carry on from
the state where the last one ended, the rest start somewhere else from a state of zero, as the
robot does when it is switched on. Beside these nominal windows every step takes windows of
disturbed episodes, on which the features are to be easy to adapt (`world_training.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from liquid_adapt_ros.fusion.normalise import Normaliser
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.sim.config import SupervisorConfig
from liquid_adapt_ros.tools.pretrain.checkpoint import Checkpoint
from liquid_adapt_ros.tools.pretrain.sequences import PolicySequence
from liquid_adapt_ros.tools.pretrain.settings import LossSettings, PolicySettings
from liquid_adapt_ros.tools.pretrain.world_training import (
    WorldWindows,
    adapted_outputs,
    without_new_targets,
)

# A joint velocity counts in what the supervisor lets pass, whichever joint it is: the swing about
# the first joint decides how long the policy drives.
_VELOCITY_UNIT_RAD_S = SupervisorConfig().deviation_max_rad_s
_TAKEOVER_S = SupervisorConfig().takeover_s
# How far around the supervisor's bound a deviation counts as a takeover in part, in its units.
_TAKEOVER_WIDTH = 0.2
# Beyond this error the loss is linear: the planner's changes of mind shall not outweigh the rest.
_ACTION_LINEAR_FROM = 1.0
_GRADIENT_NORM_MAX = 1.0


@dataclass(frozen=True)
class Episodes:
    """All that a policy is trained on: ordinary episodes, short ones with a scattered start, and
    disturbed ones."""

    ordinary: Sequence[PolicySequence]
    starts: Sequence[PolicySequence]
    worlds: Sequence[PolicySequence]

    def normalised(self, norm: dict[str, NDArray[np.float32]]) -> Episodes:
        """The same in the network's units."""
        parts = (self.ordinary, self.starts, self.worlds)
        return Episodes(*([normalised(item, norm) for item in part] for part in parts))


class Windows:
    """Draws the batches of windows.

    Arguments:
        sequences: episodes, features and outputs normalised; unknown features are 0.
        starts: short episodes, of a window at least.
        settings: window length, batch, chance to carry on.
        step_s: time of a tick [s].
    """

    def __init__(
        self,
        sequences: Sequence[PolicySequence],
        starts: Sequence[PolicySequence],
        settings: PolicySettings,
        step_s: float,
    ) -> None:
        self._sequences = [*sequences, *starts]
        self._episodes, self._starts = len(sequences), len(starts)
        self._settings = settings
        self.length = round(settings.window_s / step_s)
        shortest = min(len(item.features) for item in self._sequences)
        if self.length > shortest:
            raise ValueError(f"windows of {self.length} ticks, but an episode of {shortest}")
        self._episode = np.zeros(settings.batch, np.int64)
        self._start = np.full(settings.batch, np.iinfo(np.int64).max)

    def draw(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Features (B, T, F), outputs (B, T, O; NaN: unknown), and which streams are new (B,)."""
        lengths = np.array([len(item.features) for item in self._sequences])
        ends = self._start.astype(np.float64) + 2 * self.length
        carries_on = (rng.random(len(ends)) < self._settings.continue_share) & (
            ends <= lengths[self._episode]
        )
        starts = self._episodes + rng.integers(self._starts, size=len(ends))
        fresh_episode = np.where(
            rng.random(len(ends)) < self._settings.start_share,
            starts,
            rng.integers(self._episodes, size=len(ends)),
        )
        fresh_start = rng.integers(0, lengths[fresh_episode] - self.length + 1)
        self._episode = np.where(carries_on, self._episode, fresh_episode)
        self._start = np.where(carries_on, self._start + self.length, fresh_start)
        windows = [
            (self._sequences[episode], slice(start, start + self.length))
            for episode, start in zip(self._episode, self._start, strict=True)
        ]
        features = np.stack([item.features[part] for item, part in windows])
        outputs = np.stack([item.outputs[part] for item, part in windows])
        return features, outputs, ~carries_on


def normalised(sequence: PolicySequence, norm: dict[str, NDArray[np.float32]]) -> PolicySequence:
    """The sequence in the network's units; features not known yet become 0, as in fusion."""
    features = Normaliser(norm["norm.feature_mean"], norm["norm.feature_scale"])(sequence.features)
    outputs = (sequence.outputs - norm["norm.output_mean"]) / norm["norm.output_scale"]
    return PolicySequence(np.nan_to_num(features), outputs)


class PolicyLoss:
    """Huber losses of actions and of the known (not NaN) positions, and the planner's share of
    driving, of outputs (B, T, O) that are a tick apart.

    A mean of errors says little about how long the policy drives: a single tick beyond the
    supervisor's bound hands the arm to the planner for a while. So that share is a loss of its
    own, with a sigmoid in the place of the step at the bound.

    Arguments:
        spec: of the policy.
        output_scale: (O,) physical size of one unit of each output.
        position_weight: of the position's loss against the actions'.
        settings: the rest.
    """

    def __init__(
        self,
        spec: PolicySpec,
        output_scale: NDArray[np.float32],
        position_weight: float,
        settings: LossSettings,
    ) -> None:
        slices = spec.layout.slices()
        self._start = slices["position"].start
        self._unit = torch.ones(self._start)
        self._velocity = slices["joint_velocity"]
        self._unit[self._velocity] = (
            torch.from_numpy(output_scale[self._velocity]) / _VELOCITY_UNIT_RAD_S
        )
        self._position_weight = position_weight
        self._settings = settings
        self._takeover_ticks = round(_TAKEOVER_S / spec.step_s)

    def __call__(self, said: Tensor, wanted: Tensor) -> Tensor:
        """The weighted sum of the three, each a mean."""
        actions, places = slice(None, self._start), slice(self._start, None)
        deviation = (said[..., actions] - wanted[..., actions]) * self._unit
        action = functional.smooth_l1_loss(
            deviation, torch.zeros_like(deviation), beta=_ACTION_LINEAR_FROM
        )
        share = self._planner_share(deviation[..., self._velocity])
        action = action + self._settings.takeover_weight * share
        known = ~wanted[..., places].isnan().any(dim=-1)
        if not known.any():
            return action
        position = functional.smooth_l1_loss(
            said[..., places][known],
            wanted[..., places][known],
            beta=self._settings.position_linear_from,
        )
        return action + self._position_weight * position

    def _planner_share(self, deviation: Tensor) -> Tensor:
        """Of joint velocities (B, T, 6) in the bound's units: mean over the ticks of the greatest
        chance of a takeover in the time that one lasts."""
        worst = deviation.abs().amax(dim=-1)
        over = torch.sigmoid((worst - 1.0) / _TAKEOVER_WIDTH)
        before = functional.pad(over, (self._takeover_ticks - 1, 0))
        return functional.max_pool1d(before, self._takeover_ticks, stride=1).mean()


class PolicyTrainer:
    """Policy, optimiser, schedule and the states that the streams carry.

    Arguments:
        episodes: in physical units.
        norm: how they are normalised.
        spec, settings: see there.
        seed: of weights and draws.
    """

    def __init__(
        self,
        episodes: Episodes,
        norm: dict[str, NDArray[np.float32]],
        spec: PolicySpec,
        settings: PolicySettings,
        seed: int,
    ) -> None:
        self._spec, self._settings, self._seed = spec, settings, seed
        loss, scale = settings.loss, norm["norm.output_scale"]
        self._loss = PolicyLoss(spec, scale, loss.position_weight, loss)
        self._adapted_loss = PolicyLoss(spec, scale, loss.world_position_weight, loss)
        episodes = episodes.normalised(norm)
        nominal = episodes.ordinary, episodes.starts
        if not loss.new_targets:
            nominal = (
                [without_new_targets(item, spec.step_s) for item in part] for part in nominal
            )
        self.policy = LiquidNetwork(spec.network, seed=seed)
        self._windows = Windows(*nominal, settings, spec.step_s)
        self._worlds = WorldWindows(episodes.worlds, settings.worlds, spec.step_s)
        self._optimiser = torch.optim.AdamW(
            self.policy.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, settings.learning_rate, total_steps=settings.steps + 1, pct_start=0.05
        )
        self._state = torch.zeros(settings.batch, spec.hidden)

    def checkpoint(self, path: Path, period_s: float) -> Checkpoint:
        """Everything that training changes but the streams' places, which start anew."""
        return Checkpoint(
            path, period_s, policy=self.policy, optimiser=self._optimiser, schedule=self._schedule
        )

    def step(self, number: int) -> float:
        """One optimiser step; `number` seeds what is drawn. Returns the loss."""
        rng = np.random.default_rng((self._seed, number))
        features, outputs, is_new = self._windows.draw(rng)
        self._state[torch.from_numpy(is_new)] = 0.0
        nominal_phi, self._state = self._phi(features, self._state, rng)
        said = self.policy.read_out(nominal_phi)
        loss = self._loss(said, torch.from_numpy(outputs))
        loss = loss + self._settings.worlds.weight * self._world_loss(nominal_phi, rng)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), _GRADIENT_NORM_MAX)
        self._optimiser.step()
        self._schedule.step()
        return float(loss.detach())

    def _world_loss(self, nominal_phi: Tensor, rng: np.random.Generator) -> Tensor:
        features, outputs = self._worlds.draw(rng)
        wanted = torch.from_numpy(outputs)
        phi, _ = self._phi(features, None, rng)
        said = adapted_outputs(
            self.policy, phi, wanted, nominal_phi.flatten(0, 1), self._settings.worlds
        )
        return self._adapted_loss(said, wanted[:, -said.shape[1] :])

    def _phi(
        self, features: NDArray[np.float32], state: Tensor | None, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the readout reads, with noise on the embedding, and the last state."""
        embedding = features[..., self._spec.inputs.slices()["embedding"]]
        noise = rng.standard_normal(embedding.shape, dtype=np.float32)
        embedding += np.float32(self._settings.embedding_noise) * noise
        sequence = torch.from_numpy(features)
        states, last_state = self.policy.core.unroll(state, sequence)
        return self.policy.phi(states, sequence), last_state.detach()


def train_policy(
    folder: Path,
    episodes: Episodes,
    norm: dict[str, NDArray[np.float32]],
    spec: PolicySpec,
    settings: PolicySettings,
    seed: int,
    checkpoint_s: float,
    progress: Callable[[int, int, str], None],
    start: Mapping[str, NDArray[np.float32]] | None = None,
) -> LiquidNetwork:
    """Train, resuming from the checkpoint in `folder`.

    `progress` is called with steps done, steps in all and a line of text. `start`: tensors to
    begin with; None: random ones.
    """
    trainer = PolicyTrainer(episodes, norm, spec, settings, seed)
    if start is not None:
        trainer.policy.load_numpy(start)
    checkpoint = trainer.checkpoint(folder / "checkpoint.pt", checkpoint_s)
    first, average = checkpoint.restore(), 0.0
    for number in range(first, settings.steps):
        loss = trainer.step(number)
        average = loss if number == first else 0.98 * average + 0.02 * loss
        progress(number + 1, settings.steps, f"loss {average:.3f}")
        checkpoint.save_if_due(number + 1)
    checkpoint.save(settings.steps)
    return trainer.policy
