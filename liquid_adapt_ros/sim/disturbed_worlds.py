"""Worlds outside the nominal ranges, drawn at random: what the network's features are to serve.

The ranges say what kinds of change the robot may meet, and how far they may go.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from liquid_adapt_ros.sim.config import BeltConfig, EpisodeConfig
from liquid_adapt_ros.sim.randomisation import sample_nominal
from liquid_adapt_ros.sim.scenario import Scenario

KINDS_AT_ONCE = (1, 3)
OTHER_BELT_SHARE, BELT_SPEED_M_S = 0.5, (0.06, 0.46)  # the faster one, where a belt has two
BELT_SCALE_MAX = 4.0
ROTATION_RAD, TRANSLATION_M = 0.06, 0.02
LATENCY_S = (0.0, 0.2)
DEPTH_SCALE = (0.92, 1.08)
LIGHT_SCALE, LIGHT_TINT = (0.4, 1.6), (0.65, 1.3)
PAYLOAD_KG = (0.0, 3.0)
ENCODER_OFFSET_RAD = 0.06
ACCELERATION_BIAS_M_S2, ANGULAR_VELOCITY_BIAS_RAD_S = 0.8, 0.1

Values = dict[str, Any]  # fields of sim.disturbance.Disturbances


def sample_disturbed(rng: np.random.Generator) -> tuple[EpisodeConfig, Scenario]:
    """Draw an episode that is disturbed from its first instant on, in one to three ways, and in
    OTHER_BELT_SHARE of the draws with another speed of the belt as well."""
    config = sample_nominal(rng)
    kinds = list(_KINDS)
    count = int(rng.integers(KINDS_AT_ONCE[0], KINDS_AT_ONCE[1] + 1))
    chosen = [kinds[index] for index in rng.choice(len(kinds), count, replace=False)]
    values: Values = {}
    for kind in chosen:
        values |= _KINDS[kind](rng)
    if rng.random() < OTHER_BELT_SHARE:
        values["belt_speed_scale"] = _belt_scale(config.belt, rng)
    change = {"at_s": 0.0, "set": values}
    return config, Scenario.from_mapping({"name": "+".join(chosen), "changes": [change]})


def _belt_scale(belt: BeltConfig, rng: np.random.Generator) -> float:
    """Scale that brings the belt's highest speed to one drawn evenly from BELT_SPEED_M_S.

    A scale drawn evenly would hardly ever show the speeds that are far outside the nominal ones.
    """
    speeds = [belt.speed_m_s]
    if belt.profile != "constant":
        speeds.append(belt.other_speed_m_s)
    return min(float(rng.uniform(*BELT_SPEED_M_S)) / max(speeds), BELT_SCALE_MAX)


def _bump(rng: np.random.Generator) -> Values:
    return {
        "camera_rotation_rad": _around_zero(rng, ROTATION_RAD, 3),
        "camera_translation_m": _around_zero(rng, TRANSLATION_M, 3),
    }


def _late_camera(rng: np.random.Generator) -> Values:
    return {"camera_latency_s": float(rng.uniform(*LATENCY_S))}


def _wrong_depth(rng: np.random.Generator) -> Values:
    return {"depth_scale": float(rng.uniform(*DEPTH_SCALE))}


def _light(rng: np.random.Generator) -> Values:
    return {
        "light_scale": float(rng.uniform(*LIGHT_SCALE)),
        "light_tint": rng.uniform(*LIGHT_TINT, 3).tolist(),
    }


def _payload(rng: np.random.Generator) -> Values:
    return {"payload_mass_kg": float(rng.uniform(*PAYLOAD_KG))}


def _encoder_offset(rng: np.random.Generator) -> Values:
    return {"joint_encoder_offset_rad": _around_zero(rng, ENCODER_OFFSET_RAD, 6)}


def _imu_bias(rng: np.random.Generator) -> Values:
    return {
        "imu_acceleration_bias_m_s2": _around_zero(rng, ACCELERATION_BIAS_M_S2, 3),
        "imu_angular_velocity_bias_rad_s": _around_zero(rng, ANGULAR_VELOCITY_BIAS_RAD_S, 3),
    }


def _around_zero(rng: np.random.Generator, most: float, count: int) -> list[float]:
    return rng.uniform(-most, most, count).tolist()


_KINDS: dict[str, Callable[[np.random.Generator], Values]] = {
    "camera_bump": _bump,
    "camera_latency": _late_camera,
    "depth_scale": _wrong_depth,
    "light": _light,
    "payload": _payload,
    "encoder_offset": _encoder_offset,
    "imu_bias": _imu_bias,
}
