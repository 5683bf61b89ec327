"""The episode as its users see it: rates, stamps, determinism, disturbances, who drives."""

import dataclasses

import numpy as np
import pytest

from liquid_adapt_ros.sim.config import BeltConfig, EpisodeConfig
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.sim.samples import Command
from liquid_adapt_ros.sim.scenario import Change, Scenario

CONFIG = EpisodeConfig(belt=BeltConfig(speed_m_s=0.2, other_speed_m_s=0.2))


def _run(episode, ticks, render=False, command=None):
    return [episode.tick(command, render=render) for _ in range(ticks)]


def test_sensors_keep_their_rates_and_stamps_never_lie_ahead():
    results = _run(Episode(CONFIG, 1), 100, render=True)
    assert results[-1].time_s == pytest.approx(1.0)
    imu = [sample.stamp_s for result in results for sample in result.imu]
    np.testing.assert_allclose(imu, 0.005 * np.arange(1, 201), atol=1e-9)
    assert all(len(result.imu) == 2 for result in results)
    frames = [result for result in results if result.camera is not None]
    assert 28 <= len(frames) <= 30
    for result in results:
        stamps = [result.joint.stamp_s, result.odom.stamp_s]
        stamps += [sample.stamp_s for sample in result.imu]
        stamps += [result.camera.stamp_s] if result.camera else []
        stamps += [result.detection.stamp_s] if result.detection else []
        assert max(stamps) <= result.time_s + 1e-9


def test_camera_and_detector_are_late_by_their_latency():
    results = _run(Episode(CONFIG, 1), 200, render=True)
    camera = [result.time_s - result.camera.stamp_s for result in results if result.camera]
    assert min(camera) >= 0.02 - 1e-9 and max(camera) <= 0.03 + 1e-9
    detector = [result.time_s - result.detection.stamp_s for result in results if result.detection]
    np.testing.assert_allclose(detector, 0.05, atol=1e-9)


def test_detection_reports_where_the_target_was_then():
    results = _run(Episode(CONFIG, 1), 300)
    truth = {round(result.time_s, 4): result.truth for result in results}
    errors = []
    for result in results:
        if result.detection:
            then = truth[round(result.detection.stamp_s, 4)]
            assert result.detection.object_id == then.target_id
            errors.append(result.detection.position - then.target_position)
    assert len(errors) > 20
    assert 0.001 < np.std(errors) < 0.003


def test_same_seed_same_episode_and_pictures_do_not_change_it():
    with_pictures = _run(Episode(CONFIG, 7), 200, render=True)
    without = _run(Episode(CONFIG, 7), 200)
    again = _run(Episode(CONFIG, 7), 200, render=True)
    for a, b, c in zip(with_pictures, without, again, strict=True):
        np.testing.assert_array_equal(a.joint.position, b.joint.position)
        np.testing.assert_array_equal(a.imu[0].linear_acceleration, b.imu[0].linear_acceleration)
        np.testing.assert_array_equal(a.planner.joint_velocity, b.planner.joint_velocity)
        assert a.truth.target_id == b.truth.target_id
        if a.camera:
            np.testing.assert_array_equal(a.camera.rgb, c.camera.rgb)
            np.testing.assert_array_equal(a.camera.depth_m, c.camera.depth_m)


def test_other_seed_other_episode():
    one, other = Episode(CONFIG, 1).tick(render=False), Episode(CONFIG, 2).tick(render=False)
    assert not np.array_equal(one.truth.target_position, other.truth.target_position)


def test_camera_sees_the_target_where_it_is():
    """The depth at the target's pixel is the target's, from the camera's pose in base_link."""
    from liquid_adapt_ros.sim.camera import RayCamera, mounted_pose

    episode = Episode(CONFIG, 3)
    config = CONFIG.camera
    pose = np.linalg.inv(mounted_pose(config))
    camera = RayCamera(
        episode.world.model, config.width, config.height, config.horizontal_fov_rad
    ).pinhole
    truth, seen = {}, 0
    for result in _run(episode, 300, render=True):
        truth[round(result.time_s, 4)] = result.truth.target_position
        if not result.camera:
            continue
        position = truth.get(round(result.camera.stamp_s, 4))
        if position is None or position[0] > -0.25:
            continue
        point = pose[:3, :3] @ position + pose[:3, 3]
        u, v = np.rint(camera.project(point)).astype(int)
        if v < config.height:
            depth = result.camera.depth_m[v, u]
            seen += 0.0 < point[2] - depth < 0.06
    assert seen >= 5


def test_disturbances_come_at_their_time():
    bumped = Disturbances(belt_speed_scale=1.6, payload_mass_kg=2.0)
    scenario = Scenario(changes=(Change(0.5, bumped),))
    episode = Episode(CONFIG, 1, scenario)
    before = _run(episode, 50)[-1]
    after = _run(episode, 100)[-1]
    assert before.truth.belt_speed_m_s == pytest.approx(0.2)
    assert after.truth.belt_speed_m_s == pytest.approx(0.32)
    assert episode.disturbances == bumped
    assert episode.world.model.body("payload").mass[0] == 2.0


def test_scenario_overrides_the_nominal_conditions():
    episode = Episode(CONFIG, 1, Scenario(nominal={"belt": {"speed_m_s": 0.1}}))
    assert episode.tick(render=False).truth.belt_speed_m_s == pytest.approx(0.1)


def test_disturbances_set_by_hand_hold_until_given_back():
    episode = Episode(CONFIG, 1, Scenario(changes=(Change(0.1, Disturbances(depth_scale=1.1)),)))
    episode.disturbances = Disturbances(joint_encoder_offset_rad=(0.1, 0, 0, 0, 0, 0))
    result = _run(episode, 30)[-1]
    true_position = episode.world.state().joint_position
    assert result.joint.position[0] - true_position[0] == pytest.approx(0.1, abs=2e-4)
    assert result.joint.position[1] - true_position[1] == pytest.approx(0.0, abs=2e-4)
    episode.disturbances = None
    assert episode.disturbances.depth_scale == 1.1


def test_imu_bias_shows_in_the_imu_alone():
    plain, biased = Episode(CONFIG, 1), Episode(CONFIG, 1)
    biased.disturbances = Disturbances(imu_acceleration_bias_m_s2=(0.5, 0.0, 0.0))
    a, b = _run(plain, 20)[-1], _run(biased, 20)[-1]
    difference = b.imu[0].linear_acceleration - a.imu[0].linear_acceleration
    np.testing.assert_allclose(difference, (0.5, 0.0, 0.0), atol=1e-9)
    np.testing.assert_array_equal(a.joint.position, b.joint.position)


def test_bumped_camera_darker_light_and_late_frames_are_seen():
    plain, bumped = Episode(CONFIG, 1), Episode(CONFIG, 1)
    bumped.disturbances = Disturbances(
        camera_rotation_rad=(0.05, 0.0, 0.0), light_scale=0.5, camera_latency_s=0.05
    )
    a = [result for result in _run(plain, 20, render=True) if result.camera]
    b = [result for result in _run(bumped, 20, render=True) if result.camera]
    assert b[0].camera.rgb.mean() < 0.7 * a[0].camera.rgb.mean()
    assert np.abs(b[0].camera.depth_m - a[0].camera.depth_m).mean() > 0.01
    assert b[0].time_s - a[0].time_s == pytest.approx(0.05, abs=0.011)


def test_policy_that_copies_the_planner_drives_and_its_picks_are_its_own():
    episode = Episode(CONFIG, 2)
    command = None
    drivers = []
    for _ in range(1200):
        result = episode.tick(command, render=False)
        drivers.append(result.truth.driver)
        planned = result.planner
        command = Command(planned.joint_velocity, planned.base_twist, planned.gripper)
    assert drivers[0] == "planner"
    assert set(drivers[1:]) == {"policy"}
    assert episode.counters.picks["policy"] >= 1
    assert episode.counters.picks["planner"] == 0


def test_policy_that_disagrees_does_not_drive_and_does_no_harm():
    episode = Episode(CONFIG, 2)
    wild = Command(np.full(6, 3.0), np.zeros(2), 0.0)
    results = _run(episode, 1200, command=wild)
    assert {result.truth.driver for result in results} == {"planner"}
    assert episode.counters.picks["planner"] >= 1


def test_objects_are_picks_or_misses():
    episode = Episode(dataclasses.replace(CONFIG), 4)
    _run(episode, 1500)
    counters = episode.counters
    assert counters.objects == sum(counters.picks.values()) + counters.misses
    assert counters.objects >= 2


def test_policy_that_drifts_away_slowly_is_caught():
    """Each of its commands is near the last one; the planner must not follow it away."""
    episode = Episode(CONFIG, 2)
    planned = episode.tick(render=False).planner
    velocity = planned.joint_velocity
    drivers = []
    for _ in range(100):
        velocity = velocity + 0.01
        command = Command(velocity, planned.base_twist, planned.gripper)
        drivers.append(episode.tick(command, render=False).truth.driver)
    assert set(drivers[50:]) == {"planner"}
