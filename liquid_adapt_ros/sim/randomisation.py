"""The nominal ranges that the shipped model is trained over: one draw is one episode's config."""

import dataclasses

import numpy as np

from liquid_adapt_ros.sim.config import (
    BELT_PROFILES,
    ArmConfig,
    BeltConfig,
    CameraConfig,
    EpisodeConfig,
    LightConfig,
    ObjectConfig,
)
from liquid_adapt_ros.sim.planner import joints_at
from liquid_adapt_ros.sim.target import ZONE_X_M

BELT_SPEED_M_S = (0.08, 0.25)
BELT_PERIOD_S = (4.0, 12.0)
LIGHT_INTENSITY = (0.7, 1.3)
LIGHT_TINT = (0.9, 1.1)
MOUNT_ROTATION_RAD = np.deg2rad(0.3)
MOUNT_TRANSLATION_M = 0.003
LIP_M = ((-0.20, 0.15, 0.50), (0.50, 0.65, 0.62))  # over belt, bin and what lies between
WAITING_SHARE = 0.4


def sample_nominal(rng: np.random.Generator) -> EpisodeConfig:
    """Draw belt, light and camera mount; objects keep the ranges of ObjectConfig."""
    first, other = rng.uniform(*BELT_SPEED_M_S, 2)
    belt = BeltConfig(
        profile=BELT_PROFILES[rng.integers(len(BELT_PROFILES))],
        speed_m_s=float(first),
        other_speed_m_s=float(other),
        period_s=float(rng.uniform(*BELT_PERIOD_S)),
    )
    light = LightConfig(
        intensity=float(rng.uniform(*LIGHT_INTENSITY)),
        tint=_triple(rng.uniform(*LIGHT_TINT, 3)),
        direction=_triple((rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), 1.0)),
    )
    camera = CameraConfig(
        mount_rotation_rad=_triple(rng.uniform(-1, 1, 3) * MOUNT_ROTATION_RAD),
        mount_translation_m=_triple(rng.uniform(-1, 1, 3) * MOUNT_TRANSLATION_M),
    )
    return EpisodeConfig(belt=belt, light=light, camera=camera)


def sample_scattered(rng: np.random.Generator) -> EpisodeConfig:
    """A nominal draw that starts where the planner alone would seldom bring it.

    Objects lie anywhere in the picking zone and the lip of the suction cup is anywhere over belt
    and bin, independent of each other; for WAITING_SHARE of the draws the arm is where it waits.
    Where the arm is then says little about which object is the target.
    """
    config = sample_nominal(rng)
    lip = rng.uniform(*LIP_M)
    arm = config.arm if rng.random() < WAITING_SHARE else ArmConfig(_joints(lip))
    objects = ObjectConfig(first_x_m=ZONE_X_M)
    return dataclasses.replace(config, arm=arm, objects=objects)


def _joints(lip: np.ndarray) -> tuple[float, ...]:
    return tuple(joints_at(lip, np.array(ArmConfig().start_rad)).tolist())


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
