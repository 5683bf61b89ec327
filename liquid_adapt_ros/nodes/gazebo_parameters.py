"""The parameters of gazebo_cell, and the configurations that they describe."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from liquid_adapt_ros.nodes.gazebo_service import COMMANDS
from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.nodes.sim_parameters import BELT_MOTION
from liquid_adapt_ros.sim.config import BELT_PROFILES, BeltConfig, DetectorConfig
from liquid_adapt_ros.sim.disturbance import Disturbances

SPEED_SCALE = "disturbance.belt_speed_scale"
_BELT, _DETECTOR = BeltConfig(), DetectorConfig()
_SCALE = next(item for item in fields(Disturbances) if item.name == "belt_speed_scale")

PARAMETERS = (
    Parameter(
        "simulator",
        "harmonic",
        "Which Gazebo runs: its command line puts objects on the belt.",
        read_only=True,
        choices=tuple(COMMANDS),
    ),
    Parameter("world", "conveyor", "Name of Gazebo's world.", read_only=True),
    Parameter("seed", 0, "Seed of everything random here.", 0, 2**31 - 1, read_only=True),
    Parameter(
        "belt.profile",
        _BELT.profile,
        "Speed of the belt over time.",
        read_only=True,
        choices=BELT_PROFILES,
    ),
    Parameter(
        "belt.speed_m_s",
        _BELT.speed_m_s,
        "Belt speed, or the first of two [m/s].",
        0.05,
        0.5,
        read_only=True,
    ),
    *BELT_MOTION,
    Parameter(
        "detector.rate_hz",
        _DETECTOR.rate_hz,
        "How often the target is observed [Hz].",
        1.0,
        100.0,
    ),
    Parameter(
        "detector.latency_s",
        _DETECTOR.latency_s,
        "From an observation to its message [s].",
        0.0,
        1.0,
    ),
    Parameter(
        "detector.sigma_m",
        _DETECTOR.sigma_m,
        "White noise of an observation, on each axis [m].",
        0.0,
        0.1,
    ),
    Parameter(
        SPEED_SCALE,
        _SCALE.default,
        f"Disturbance: {_SCALE.metadata['description']}.",
        _SCALE.metadata["low"],
        _SCALE.metadata["high"],
    ),
)


def belt_config(values: Mapping[str, Any]) -> BeltConfig:
    """The belt that the parameters describe; raises ConfigError."""
    names = ("profile", "speed_m_s", "other_speed_m_s", "period_s")
    return BeltConfig(**{name: values[f"belt.{name}"] for name in names})


def detector_config(values: Mapping[str, Any]) -> DetectorConfig:
    """The detector that the parameters describe."""
    names = ("rate_hz", "latency_s", "sigma_m")
    return DetectorConfig(**{name: values[f"detector.{name}"] for name in names})
