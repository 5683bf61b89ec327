"""What the suite does to the robot, and which seeds and strengths choices were made on.

Every episode has 20 s as the network was trained, 60 s under one disturbance, and 20 s as before.
Settings of the engine are chosen on TUNING (its seeds and its strengths); REPORTED is what the
report shows. The two share nothing but the kinds of disturbance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from liquid_adapt_ros.sim.episode import WORLD_DISTURBANCES
from liquid_adapt_ros.sim.scenario import Scenario

CHANGE_S, RETURN_S, END_S = 20.0, 80.0, 100.0


@dataclass(frozen=True)
class Disturbance:
    """One kind of disturbance at one strength.

    Attributes:
        name: how the report calls it.
        values: fields of `sim.disturbance.Disturbances` that hold from CHANGE_S to RETURN_S.
        belt: overrides of `sim.config.BeltConfig` for the whole episode.
    """

    name: str
    values: Mapping[str, Any]
    belt: Mapping[str, Any] = field(default_factory=dict)

    def scenario(self) -> Scenario:
        """The episode's scenario."""
        neutral = {name: _NEUTRAL[name] for name in self.values}
        changes = [
            {"at_s": CHANGE_S, "set": dict(self.values)},
            {"at_s": RETURN_S, "set": neutral},
        ]
        content = {"name": self.name, "changes": changes if self.values else []}
        if self.belt:
            content["nominal"] = {"belt": dict(self.belt)}
        return Scenario.from_mapping(content)


def by_beginning(disturbances: Iterable[Disturbance]) -> list[tuple[Disturbance, ...]]:
    """Those that are alike until CHANGE_S, together."""
    return _together(disturbances, lambda item: dict(item.belt))


def by_world(disturbances: Iterable[Disturbance]) -> list[tuple[Disturbance, ...]]:
    """Those that differ only in what is measured, together."""

    def world(item: Disturbance) -> tuple:
        return dict(item.belt), {name: item.values.get(name) for name in WORLD_DISTURBANCES}

    return _together(disturbances, world)


def _together(
    disturbances: Iterable[Disturbance], key: Callable[[Disturbance], object]
) -> list[tuple[Disturbance, ...]]:
    groups: list[list[Disturbance]] = []
    for item in disturbances:
        for group in groups:
            if key(group[0]) == key(item):
                group.append(item)
                break
        else:
            groups.append([item])
    return [tuple(group) for group in groups]


@dataclass(frozen=True)
class Split:
    """Seeds and strengths that belong together."""

    name: str
    seeds: tuple[int, ...]
    disturbances: tuple[Disturbance, ...]


_NEUTRAL = {
    "belt_speed_scale": 1.0,
    "camera_rotation_rad": [0.0, 0.0, 0.0],
    "camera_translation_m": [0.0, 0.0, 0.0],
    "camera_latency_s": 0.0,
    "depth_scale": 1.0,
    "light_scale": 1.0,
    "light_tint": [1.0, 1.0, 1.0],
    "payload_mass_kg": 0.0,
    "joint_encoder_offset_rad": [0.0] * 6,
    "imu_acceleration_bias_m_s2": [0.0, 0.0, 0.0],
    "imu_angular_velocity_bias_rad_s": [0.0, 0.0, 0.0],
}


def _constant(speed_m_s: float) -> dict[str, Any]:
    return {"profile": "constant", "speed_m_s": speed_m_s}


def _moving(profile: str, low_m_s: float, high_m_s: float, period_s: float) -> dict[str, Any]:
    return {
        "profile": profile,
        "speed_m_s": low_m_s,
        "other_speed_m_s": high_m_s,
        "period_s": period_s,
    }


def _bump(rotation_rad: list[float], translation_m: list[float]) -> dict[str, Any]:
    return {"camera_rotation_rad": rotation_rad, "camera_translation_m": translation_m}


def _light(scale: float, tint: list[float]) -> dict[str, Any]:
    return {"light_scale": scale, "light_tint": tint}


# The belt was trained between 0.08 and 0.25 m/s: each of its disturbances leaves that range.
_REPORTED_BUMP = _bump([0.030, 0.040, 0.015], [0.010, -0.014, 0.010])
_REPORTED_LIGHT = _light(0.5, [1.25, 1.0, 0.7])
REPORTED = Split(
    "reported",
    seeds=tuple(range(10)),
    disturbances=(
        Disturbance("nothing", {}),
        Disturbance("belt_fast", {"belt_speed_scale": 1.6}, _constant(0.20)),
        Disturbance("belt_sine", {"belt_speed_scale": 1.8}, _moving("sine", 0.12, 0.24, 5.0)),
        Disturbance(
            "belt_steps", {"belt_speed_scale": 1.8}, _moving("random_steps", 0.10, 0.25, 4.0)
        ),
        Disturbance("camera_bump", _REPORTED_BUMP),
        Disturbance("camera_latency", {"camera_latency_s": 0.15}),
        Disturbance("depth_scale", {"depth_scale": 1.06}),
        Disturbance("light", _REPORTED_LIGHT),
        Disturbance("payload", {"payload_mass_kg": 2.0}),
        Disturbance(
            "encoder_offset",
            {"joint_encoder_offset_rad": [0.05, -0.04, 0.05, 0.03, -0.03, 0.05]},
        ),
        Disturbance(
            "imu_bias",
            {
                "imu_acceleration_bias_m_s2": [0.6, -0.4, 0.5],
                "imu_angular_velocity_bias_rad_s": [0.05, -0.05, 0.08],
            },
        ),
        Disturbance("belt_and_bump", {"belt_speed_scale": 1.6, **_REPORTED_BUMP}, _constant(0.20)),
        Disturbance(
            "payload_and_encoder",
            {
                "payload_mass_kg": 2.0,
                "joint_encoder_offset_rad": [0.05, -0.04, 0.05, 0.03, -0.03, 0.05],
            },
        ),
        Disturbance("light_and_depth", {**_REPORTED_LIGHT, "depth_scale": 1.06}),
    ),
)

_TUNING_BUMP = _bump([-0.035, 0.025, -0.02], [-0.012, 0.010, 0.008])
TUNING = Split(
    "tuning",
    seeds=tuple(range(100, 104)),
    disturbances=(
        Disturbance("nothing", {}),
        Disturbance("belt_fast", {"belt_speed_scale": 1.75}, _constant(0.17)),
        Disturbance("belt_sine", {"belt_speed_scale": 1.7}, _moving("sine", 0.14, 0.25, 6.0)),
        Disturbance(
            "belt_steps", {"belt_speed_scale": 1.7}, _moving("random_steps", 0.11, 0.25, 5.0)
        ),
        Disturbance("camera_bump", _TUNING_BUMP),
        Disturbance("camera_latency", {"camera_latency_s": 0.12}),
        Disturbance("depth_scale", {"depth_scale": 0.95}),
        Disturbance("light", _light(0.6, [0.75, 1.0, 1.2])),
        Disturbance("payload", {"payload_mass_kg": 1.5}),
        Disturbance(
            "encoder_offset",
            {"joint_encoder_offset_rad": [-0.04, 0.05, -0.03, -0.04, 0.04, 0.0]},
        ),
        Disturbance(
            "imu_bias",
            {
                "imu_acceleration_bias_m_s2": [-0.5, 0.5, 0.3],
                "imu_angular_velocity_bias_rad_s": [-0.06, 0.04, 0.05],
            },
        ),
        Disturbance("belt_and_bump", {"belt_speed_scale": 1.5, **_TUNING_BUMP}, _constant(0.22)),
    ),
)
