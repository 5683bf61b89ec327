"""The nominal ranges that the shipped model is trained over: one draw is one episode's config."""

import numpy as np

from liquid_adapt_ros.sim.config import (
    BELT_PROFILES,
    BeltConfig,
    CameraConfig,
    EpisodeConfig,
    LightConfig,
)

BELT_SPEED_M_S = (0.08, 0.25)
BELT_PERIOD_S = (4.0, 12.0)
LIGHT_INTENSITY = (0.7, 1.3)
LIGHT_TINT = (0.9, 1.1)
MOUNT_ROTATION_RAD = np.deg2rad(0.3)
MOUNT_TRANSLATION_M = 0.003


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


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
