"""The parameters of conveyor_sim, and the episode and disturbances that they describe."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.sim.config import BELT_PROFILES, BeltConfig, EpisodeConfig
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.randomisation import sample_nominal
from liquid_adapt_ros.sim.scenario import Scenario

DISTURBANCE_PREFIX = "disturbance."
_SAMPLED = "sampled"
_BELT = BeltConfig()

# The second speed and the period of a belt, the same in both simulators.
BELT_MOTION = (
    Parameter(
        "belt.other_speed_m_s",
        _BELT.other_speed_m_s,
        "The other belt speed of a ramp, sine or random steps [m/s].",
        0.05,
        0.5,
        read_only=True,
    ),
    Parameter(
        "belt.period_s",
        _BELT.period_s,
        "Duration of a ramp, period of a sine or of random steps [s].",
        0.5,
        300.0,
        read_only=True,
    ),
)


_EPISODE = (
    Parameter(
        "seed", 0, "Seed of everything random in the episode.", 0, 2**31 - 1, read_only=True
    ),
    Parameter(
        "scenario",
        "",
        "Scenario file (config/scenarios/*.yaml); empty: nothing changes.",
        read_only=True,
    ),
    Parameter(
        "belt.profile",
        _SAMPLED,
        "Speed of the belt over time; sampled: drawn with the other nominal conditions.",
        read_only=True,
        choices=(_SAMPLED, *BELT_PROFILES),
    ),
    Parameter(
        "belt.speed_m_s",
        _BELT.speed_m_s,
        "Belt speed, or the first of two, unless the profile is sampled [m/s].",
        0.05,
        0.5,
        read_only=True,
    ),
    *BELT_MOTION,
)
_RUNNING = (
    Parameter("real_time_factor", 1.0, "Simulated over real time aimed for [1].", 0.05, 10.0),
    Parameter(
        "command_timeout_s",
        0.1,
        "A command older than this no longer drives the robot; the planner does [s].",
        0.01,
        10.0,
    ),
)
_DISTURBANCES = tuple(
    Parameter(
        DISTURBANCE_PREFIX + item.name,
        item.default,
        f"Disturbance: {item.metadata['description']}.",
        item.metadata["low"],
        item.metadata["high"],
    )
    for item in dataclasses.fields(Disturbances)
)
PARAMETERS = (*_EPISODE, *_RUNNING, *_DISTURBANCES)


def scenario_of(values: Mapping[str, Any]) -> Scenario:
    """The scenario that the parameters name; raises ConfigError."""
    return Scenario.load(values["scenario"]) if values["scenario"] else Scenario()


def nominal_config(values: Mapping[str, Any]) -> EpisodeConfig:
    """The conditions drawn with the seed, with the belt of the parameters if they give one."""
    config = sample_nominal(np.random.default_rng(values["seed"]))
    if values["belt.profile"] != _SAMPLED:
        names = ("profile", "speed_m_s", "other_speed_m_s", "period_s")
        belt = {name: values[f"belt.{name}"] for name in names}
        config = config.with_overrides({"belt": belt})
    return config


def disturbances_of(values: Mapping[str, Any]) -> Disturbances:
    """The disturbances among the parameters; raises ConfigError."""
    return Disturbances().replaced(
        {
            name.removeprefix(DISTURBANCE_PREFIX): value
            for name, value in values.items()
            if name.startswith(DISTURBANCE_PREFIX)
        }
    )
