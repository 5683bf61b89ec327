"""Robots that go through one world and measure under other disturbances."""

import numpy as np
import pytest

from liquid_adapt_ros.sim.config import BeltConfig, ConfigError, EpisodeConfig
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.sim.scenario import Scenario

CONFIG = EpisodeConfig(belt=BeltConfig(speed_m_s=0.2, other_speed_m_s=0.2))
TICKS, CHANGE_S, BACK_S = 120, 0.3, 0.9
# Each sensor, and two that share a pose of the camera but not what they see from there.
SEEN = {
    "late": {"camera_latency_s": 0.15},
    "bumped": {"camera_rotation_rad": [0.03, 0.04, 0.0]},
    "bumped, in the dark": {"camera_rotation_rad": [0.03, 0.04, 0.0], "light_scale": 0.5},
    "dark": {"light_scale": 0.5},
    "deep": {"depth_scale": 1.06},
    "encoders": {"joint_encoder_offset_rad": [0.05] * 6},
    "imu": {"imu_acceleration_bias_m_s2": [0.6, -0.4, 0.5]},
}


def scenario(name: str, **values) -> Scenario:
    neutral = {
        key: [0.0] * len(value) if isinstance(value, list) else float(key.endswith("scale"))
        for key, value in values.items()
    }
    changes = [{"at_s": CHANGE_S, "set": values}, {"at_s": BACK_S, "set": neutral}]
    return Scenario.from_mapping({"name": name, "changes": changes if values else []})


def assert_same(one, other):
    np.testing.assert_array_equal(one.joint.position, other.joint.position)
    np.testing.assert_array_equal(one.planner.joint_velocity, other.planner.joint_velocity)
    for ours, others in zip(one.imu, other.imu, strict=True):
        np.testing.assert_array_equal(ours.linear_acceleration, others.linear_acceleration)
        np.testing.assert_array_equal(ours.angular_velocity, others.angular_velocity)
    for name in ("camera", "detection"):
        assert (getattr(one, name) is None) == (getattr(other, name) is None)
    if one.camera is not None:
        assert one.camera.stamp_s == other.camera.stamp_s
        np.testing.assert_array_equal(one.camera.rgb, other.camera.rgb)
        np.testing.assert_array_equal(one.camera.depth_m, other.camera.depth_m)
    if one.detection is not None:
        np.testing.assert_array_equal(one.detection.position, other.detection.position)


def test_each_twin_measures_what_it_would_have_in_an_episode_of_its_own():
    scenarios = [scenario("nothing"), *(scenario(name, **values) for name, values in SEEN.items())]
    together = Episode(CONFIG, 3, scenarios[0], scenarios[1:])
    alone = [Episode(CONFIG, 3, item) for item in scenarios]
    frames = np.zeros(len(alone), int)
    for _ in range(TICKS):
        for place, (ours, episode) in enumerate(zip(together.tick_all(), alone, strict=True)):
            own = episode.tick()
            assert_same(ours, own)
            frames[place] += own.camera is not None
    assert frames.min() > 25


def test_what_two_twins_see_alike_is_one_picture():
    episode = Episode(CONFIG, 3, scenario("nothing"), [scenario("imu", **SEEN["imu"])])
    for _ in range(60):
        one, other = episode.tick_all()
        assert one.camera is other.camera


@pytest.mark.parametrize(
    "twin",
    [
        scenario("fast", belt_speed_scale=1.6),
        scenario("heavy", payload_mass_kg=2.0),
    ],
    ids=lambda item: item.name,
)
def test_a_twin_in_another_world_is_refused(twin):
    with pytest.raises(ConfigError, match=f"scenario '{twin.name}': .* = .* at 0.3 s"):
        Episode(CONFIG, 3, scenario("nothing"), [twin])
    Episode(CONFIG, 3, twin, [twin])


def test_a_twin_with_another_nominal_world_is_refused():
    other = Scenario.from_mapping({"name": "slow", "nominal": {"belt": {"speed_m_s": 0.1}}})
    with pytest.raises(ConfigError, match="'slow' begins in another world"):
        Episode(CONFIG, 3, scenario("nothing"), [other])


def test_another_scenario_is_followed_from_where_the_episode_is():
    bumped = scenario("bumped", **SEEN["bumped"])
    ours, own = Episode(CONFIG, 3), Episode(CONFIG, 3, bumped)
    for tick in range(TICKS):
        if tick == 20:
            ours.follow(bumped)
        assert_same(ours.tick(), own.tick())
    other = Scenario.from_mapping({"name": "slow", "nominal": {"belt": {"speed_m_s": 0.1}}})
    with pytest.raises(ConfigError, match="'slow' begins in another world"):
        ours.follow(other)
