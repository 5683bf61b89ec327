"""Episodes that a first policy drove, learning as it does on the robot, labelled by the planner.

A policy that was only shown where a planner goes does not know what to do where it gets itself
to. So a first one drives, under the supervisor, and what the planner would have done there is
what the next one is trained on: DAgger (Ross et al., AISTATS 2011, arXiv 1011.0686).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.sim.camera import mounted_pose
from liquid_adapt_ros.sim.disturbed_worlds import sample_disturbed
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.tools.in_process_fusion import TICK_S
from liquid_adapt_ros.tools.in_process_policy import InProcessPolicy
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.record import (
    Recording,
    SensorRecorder,
    episode_rng,
    nominal_episode,
)
from liquid_adapt_ros.tools.pretrain.settings import DrivenSettings
from liquid_adapt_ros.tools.pretrain.stage import save_folder_atomically

_EPISODES, _WORLDS = 5, 6  # roles of `episode_rng`


def driven_episode_folders(folder: Path, settings: DrivenSettings) -> list[Path]:
    """Where the nominal ones lie."""
    return [folder / f"driven_episode_{index:04d}" for index in range(settings.episodes)]


def driven_world_folders(folder: Path, settings: DrivenSettings) -> list[Path]:
    """Where the disturbed ones lie."""
    return [folder / f"driven_world_{index:04d}" for index in range(settings.worlds)]


def record_driven(
    folder: Path,
    settings: DrivenSettings,
    model_path: Path,
    nominal_path: Path,
    encoder_path: Path,
    seed: int,
    workers: int,
    progress: Callable[[int, int, str], None],
) -> dict[str, int]:
    """Record the episodes that are missing; `progress` is called with the number that is there."""
    roles = (
        (_EPISODES, settings.episode_s, driven_episode_folders(folder, settings)),
        (_WORLDS, settings.world_s, driven_world_folders(folder, settings)),
    )
    jobs = [
        partial(
            _record_to_disk,
            (seed, role, index),
            duration_s,
            model_path,
            nominal_path,
            encoder_path,
            item,
        )
        for role, duration_s, items in roles
        for index, item in enumerate(items)
        if not item.exists()
    ]
    total = settings.episodes + settings.worlds
    for number, _ in enumerate(in_processes(jobs, workers), start=total - len(jobs) + 1):
        progress(number, total, "")
    return {"episodes": total}


def _record_to_disk(
    key: tuple[int, int, int],
    duration_s: float,
    model_path: Path,
    nominal_path: Path,
    encoder_path: Path,
    folder: Path,
) -> None:
    model = load_policy(model_path)
    spec = model.spec
    nominal = NominalSet.load(nominal_path, spec.features, spec.hidden, spec.shapes())
    rng = episode_rng(*key)
    episode = nominal_episode(rng) if key[1] == _EPISODES else _disturbed_episode(rng)
    policy = InProcessPolicy(model, encoder_path, nominal, LearnerSettings(), key[2])
    save_folder_atomically(folder, _drive(episode, policy, duration_s).save)


def _disturbed_episode(rng: np.random.Generator) -> Episode:
    config, scenario = sample_disturbed(rng)
    return Episode(config, int(rng.integers(2**31)), scenario)


def _drive(episode: Episode, policy: InProcessPolicy, duration_s: float) -> Recording:
    recorder, command, first_tick = SensorRecorder(), None, 0.0
    for index in range(round(duration_s / TICK_S)):
        tick = episode.tick(command)
        if index == 0:
            first_tick = tick.time_s / TICK_S
        recorder.add(tick, episode)
        command = policy.command(tick)
    return recorder.finish(first_tick, mounted_pose(episode.config.camera))
