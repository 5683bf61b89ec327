"""A synthetic target-tracking task: how well a network predicts an object on a belt.

An object moves along a belt whose speed varies. A camera at 30 Hz sees it late and with noise, as
an embedding of 128 smooth functions of the position; 12 more features (as of an IMU and joints)
have nothing to do with it. The network says where the object will be 0.3 s ahead. It stands in
for the recordings of `make pretrain`, which take hours, and says nothing about the robot.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec
from liquid_adapt_ros.tools.bench.settings import TrackingSettings

HORIZON_S = 0.3
_CAMERA_PERIOD, _CAMERA_DELAY = 3, 5  # samples
_EMBEDDING, _POSITION = 128, 3
_SEEN_NOISE_M, _EMBEDDING_NOISE = 0.003, 0.02
# Belt speeds [m/s], the share by which they vary, and how fast [Hz].
_SPEED_M_S, _SPEED_SWING, _SWING_HZ = (0.05, 0.35), 0.5, (0.3, 1.0)
_START_M, _LANE_M, _HEIGHT_M = (-0.4, 0.1), 0.1, (0.0, 0.1)
# Positions are learned in units of this length, about their spread [m].
_UNIT_M = 0.2


class BeltObjects:
    """Draws episodes.

    features: length of the input, more than 128. step_s: time from sample to sample [s].
    """

    def __init__(self, features: int, length: int, step_s: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._length, self._step_s = length, step_s
        self._others = features - _EMBEDDING
        self._map = rng.standard_normal((_POSITION, _EMBEDDING)) * 5.0
        self._phase = rng.uniform(-1.5, 1.5, _EMBEDDING)

    def draw(
        self, rng: np.random.Generator, episodes: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features (B, T, F), and the position 0.3 s ahead and as last seen (B, T, 3) [m]."""
        ahead, before = round(HORIZON_S / self._step_s), _CAMERA_DELAY + _CAMERA_PERIOD
        positions = self._positions(rng, episodes, before + self._length + ahead)
        ticks = np.arange(self._length)
        # The newest picture at each tick, and when it was taken.
        taken = ticks // _CAMERA_PERIOD * _CAMERA_PERIOD - _CAMERA_DELAY + before
        noise = rng.standard_normal((episodes, self._length, _POSITION)) * _SEEN_NOISE_M
        seen = positions[:, taken] + noise[:, ticks // _CAMERA_PERIOD]
        embedding = np.tanh(seen @ self._map + self._phase)
        embedding += _EMBEDDING_NOISE * rng.standard_normal(embedding.shape)
        others = rng.standard_normal((episodes, self._length, self._others))
        features = np.concatenate([embedding, others], axis=-1).astype(np.float32)
        return features, positions[:, before + ticks + ahead], seen

    def _positions(self, rng: np.random.Generator, episodes: int, length: int) -> np.ndarray:
        """True positions (B, length, 3) [m]."""
        column = (episodes, 1)
        time_s = self._step_s * np.arange(length)
        swing = np.sin(
            2.0 * np.pi * rng.uniform(*_SWING_HZ, column) * time_s
            + rng.uniform(0.0, 2.0 * np.pi, column)
        )
        speed = rng.uniform(*_SPEED_M_S, column) * (1.0 + _SPEED_SWING * swing)
        along = rng.uniform(*_START_M, column) + self._step_s * np.cumsum(speed, axis=1)
        lane = np.broadcast_to(rng.uniform(-_LANE_M, _LANE_M, column), along.shape)
        height = np.broadcast_to(rng.uniform(*_HEIGHT_M, column), along.shape)
        return np.stack([along, lane, height], axis=-1)


class TrackingTask:
    """Trains networks on the task and measures them on the same held-out episodes."""

    def __init__(self, features: int, step_s: float, settings: TrackingSettings) -> None:
        self._settings = settings
        self._objects = BeltObjects(features, settings.length, step_s, settings.seed)
        rng = np.random.default_rng((settings.seed, 1))
        self._test = self._objects.draw(rng, settings.test_episodes)

    def train(self, spec: NetworkSpec) -> LiquidNetwork:
        """A network after the fixed recipe: AdamW, the rate falling to zero along a cosine."""
        settings = self._settings
        rng = np.random.default_rng((settings.seed, 2))
        network = LiquidNetwork(spec, seed=settings.seed)
        optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        for _ in range(settings.steps):
            features, wanted, _ = self._objects.draw(rng, settings.batch)
            said = self._said(network, features)
            scaled = torch.from_numpy(wanted[:, settings.unscored :] / _UNIT_M).float()
            loss = (said - scaled).square().mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        return network

    @torch.no_grad()
    def error_mm(self, network: LiquidNetwork) -> float:
        """Root mean square distance on the held-out episodes [mm]."""
        features, wanted, _ = self._test
        return self._rmse_mm(self._said(network, features).numpy() * _UNIT_M, wanted)

    def sample_episode(self) -> Tensor:
        """The features of one held-out episode (1, T, F)."""
        return torch.from_numpy(self._test[0][:1])

    def last_seen_error_mm(self) -> float:
        """The error of saying that the object stays where it was last seen [mm]."""
        _, wanted, seen = self._test
        return self._rmse_mm(seen[:, self._settings.unscored :], wanted)

    def _said(self, network: LiquidNetwork, features: np.ndarray) -> Tensor:
        """The position outputs, the last three, where they are scored, in _UNIT_M."""
        outputs, _ = network(torch.from_numpy(features))
        return outputs[:, self._settings.unscored :, -_POSITION:]

    def _rmse_mm(self, said: np.ndarray, wanted: np.ndarray) -> float:
        distance = said - wanted[:, self._settings.unscored :]
        return 1000.0 * float(np.sqrt(np.square(distance).sum(axis=-1).mean()))
