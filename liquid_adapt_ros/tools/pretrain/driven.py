"""Episodes that a first policy drove, learning as it does on the robot, labelled by the planner.

A policy that was only shown where a planner goes does not know what to do where it gets itself
to. So a first one drives, under the supervisor, and what the planner would have done there is
what the next one is trained on: DAgger (Ross et al., AISTATS 2011, arXiv 1011.0686).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.tools.in_process_policy import InProcessPolicy
from liquid_adapt_ros.tools.pretrain.record import (
    Recording,
    disturbed_episode,
    episode_rng,
    nominal_episode,
    record_driven_by,
    record_missing,
)
from liquid_adapt_ros.tools.pretrain.settings import DrivenSettings

_EPISODES, _WORLDS = 5, 6  # roles of `episode_rng`
_DRAW = {_EPISODES: nominal_episode, _WORLDS: disturbed_episode}


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
    recordings = {
        item: partial(
            _drive, (seed, role, index), duration_s, model_path, nominal_path, encoder_path
        )
        for role, duration_s, items in roles
        for index, item in enumerate(items)
    }
    record_missing(recordings, workers, lambda done: progress(done, len(recordings), ""))
    return {"episodes": len(recordings)}


def _drive(
    key: tuple[int, int, int],
    duration_s: float,
    model_path: Path,
    nominal_path: Path,
    encoder_path: Path,
) -> Recording:
    _, role, index = key
    model = load_policy(model_path)
    spec = model.spec
    nominal = NominalSet.load(nominal_path, spec.features, spec.hidden, spec.shapes())
    policy = InProcessPolicy(model, encoder_path, nominal, LearnerSettings(), index)
    return record_driven_by(policy.command, _DRAW[role](episode_rng(*key)), duration_s)
