"""Errors of a finished model on episodes that nothing was trained on, by the code that flies.

Each tick goes through fusion's observer, the ONNX encoder and the streaming policy, sample by
sample, as on the robot. A prediction counts where fusion called the sample usable and its target
is still the target one horizon later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.engine import PolicyOutput, StreamingPolicy
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.sim.samples import Command, TickResult
from liquid_adapt_ros.tools.in_process_fusion import TICK_S, InProcessFusion, PictureEncoder
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.record import (
    HELD_OUT,
    episode_rng,
    nominal_episode,
)
from liquid_adapt_ros.tools.pretrain.settings import EvaluationSettings

# A picture shows the world as it was some 40 ms ago: right after a change of target no network can
# know the new one. The "settled" figures leave out this time after a change.
SETTLING_S = 0.3


class RuntimeStack:
    """Fusion and inference in one process: a tick of the simulator in, the policy's output out."""

    def __init__(self, model_path: Path, encoder_path: Path) -> None:
        model = load_policy(model_path)
        self.spec = model.spec
        self._fusion = InProcessFusion(model, PictureEncoder(OnnxEncoder(encoder_path)))
        self._policy = StreamingPolicy(model.spec, model.params, model.norm)

    def tick(self, tick: TickResult) -> tuple[PolicyOutput, bool]:
        """Take the samples of a tick.

        Returns the policy's output and whether fusion calls the sample usable.
        """
        features, usable, _ = self._fusion.tick(tick)
        return self._policy.step(features, TICK_S), usable


@dataclass(frozen=True)
class EpisodeScore:
    """One episode: N scored predictions, and the driving of all T ticks.

    Attributes:
        error_m: (N,) distance of predicted from true position [m].
        settled: (N,) whether the target had been the target for SETTLING_S already.
        action_error: (T, 9) policy's minus planner's joint velocities, base twist and gripper.
        policy_share: share of ticks in which the policy drove.
        picks, objects: objects put into the bin while the policy drove, and all that passed.
    """

    error_m: NDArray[np.float64]
    settled: NDArray[np.bool_]
    action_error: NDArray[np.float64]
    policy_share: float
    picks: int
    objects: int


def score_episode(
    model_path: Path,
    encoder_path: Path,
    episode_s: float,
    seed: int,
    policy_drives: bool,
    index: int,
) -> EpisodeScore:
    """Run held-out episode `index`; the supervisor watches over the policy where it drives."""
    episode = nominal_episode(episode_rng(seed, HELD_OUT, index))
    stack = RuntimeStack(model_path, encoder_path)
    predicted, truth, ids, usable, action_error, drivers = [], [], [], [], [], []
    command = None
    for _ in range(round(episode_s / TICK_S)):
        tick = episode.tick(command)
        said, is_usable = stack.tick(tick)
        planned = tick.planner
        wanted = [*planned.joint_velocity, *planned.base_twist, planned.gripper]
        action_error.append(np.subtract([*said.joint_velocity, *said.base, said.gripper], wanted))
        if policy_drives:
            command = Command(said.joint_velocity.copy(), said.base.copy(), said.gripper)
        predicted.append(said.position.copy())
        ids.append(-1 if tick.truth.target_id is None else tick.truth.target_id)
        truth.append(np.full(3, np.nan) if ids[-1] < 0 else tick.truth.target_position)
        drivers.append(tick.truth.driver)
        usable.append(is_usable)
    horizon = round(stack.spec.horizon_s / TICK_S)
    now, settled = scored_ticks(np.array(ids), horizon, round(SETTLING_S / TICK_S))
    counts = np.array(usable)[now]
    now, settled = now[counts], settled[counts]
    error = np.array(predicted)[now] - np.array(truth)[now + horizon]
    return EpisodeScore(
        error_m=np.linalg.norm(error, axis=1),
        settled=settled,
        action_error=np.array(action_error),
        policy_share=float(np.mean(np.array(drivers) == "policy")),
        picks=episode.counters.picks["policy"],
        objects=episode.counters.objects,
    )


def scored_ticks(
    ids: NDArray[np.integer], horizon: int, settling: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Ticks whose target (ids; -1: none) stays the same for `horizon` ticks, and for each
    whether it had been so for `settling` ticks."""
    changes = np.concatenate([[0], np.cumsum(np.diff(ids) != 0)])
    now = np.flatnonzero((ids[:-horizon] >= 0) & (changes[:-horizon] == changes[horizon:]))
    since = np.searchsorted(changes, changes)  # first tick of each tick's run
    return now, now - since[now] >= settling


def evaluate(
    model_path: Path,
    encoder_path: Path,
    settings: EvaluationSettings,
    seed: int,
    policy_drives: bool,
    workers: int,
    progress: Callable[[int], None],
) -> dict[str, float]:
    """Figures over all held-out episodes, see `summary`."""
    jobs = [
        partial(
            score_episode,
            model_path,
            encoder_path,
            settings.episode_s,
            seed,
            policy_drives,
            index,
        )
        for index in range(settings.episodes)
    ]
    scores = []
    for result in in_processes(jobs, workers):
        scores.append(result)
        progress(len(scores))
    return summary(scores)


def summary(scores: Sequence[EpisodeScore]) -> dict[str, float]:
    """Position errors in metres over all samples and their spread over episodes; action errors."""
    error = np.concatenate([item.error_m for item in scores])
    settled = np.concatenate([item.settled for item in scores])
    per_episode = [_rms(item.error_m) for item in scores if len(item.error_m)]
    action = np.concatenate([item.action_error for item in scores])
    return {
        "episodes": len(scores),
        "samples": len(error),
        "position_rmse_m": _rms(error),
        "position_settled_rmse_m": _rms(error[settled]),
        "position_median_m": float(np.median(error)),
        "position_p95_m": float(np.quantile(error, 0.95)),
        "episode_rmse_median_m": float(np.median(per_episode)),
        "episode_rmse_min_m": float(np.min(per_episode)),
        "episode_rmse_max_m": float(np.max(per_episode)),
        "joint_velocity_rmse_rad_s": _rms(action[:, :6]),
        "base_linear_rmse_m_s": _rms(action[:, 6]),
        "gripper_wrong_share": float(np.mean(np.abs(action[:, 8]) > 0.5)),
        "policy_drives_share": float(np.mean([item.policy_share for item in scores])),
        "policy_picks": sum(item.picks for item in scores),
        "objects": sum(item.objects for item in scores),
    }


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
