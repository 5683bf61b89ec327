"""Belt transport, suction, payload: does the world behave like one?"""

import mujoco
import numpy as np
import pytest

from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.config import BeltConfig, EpisodeConfig, ObjectConfig
from liquid_adapt_ros.sim.planner import Planner
from liquid_adapt_ros.sim.ur5e import JOINT_NAMES
from liquid_adapt_ros.sim.world import ConveyorWorld

STILL = (np.zeros(6), np.zeros(2), 0.0)


def _world(speed=0.15, shapes=("box", "cylinder", "ellipsoid"), seed=0):
    config = EpisodeConfig(
        belt=BeltConfig(speed_m_s=speed, other_speed_m_s=speed),
        objects=ObjectConfig(shapes=shapes, spacing_m=(0.45, 0.5)),
    )
    return ConveyorWorld(config, np.random.default_rng(seed))


def _run(world, seconds):
    for _ in range(round(seconds / mjcf.TIMESTEP_S / 5)):
        for _ in range(5):
            world.step()
        world.refresh()


def _drive_until(world, planner, done, limit_s=15.0):
    """Let the planner drive until done(state); returns that state."""
    while world.time_s < limit_s:
        state = world.state()
        if done(state):
            return state
        action = planner.step(state)
        world.apply(action.joint_velocity, action.base_twist, action.gripper)
        _run(world, 0.01)
    raise AssertionError(f"did not happen within {limit_s} s")


@pytest.mark.parametrize("shape", ["box", "cylinder", "ellipsoid"])
@pytest.mark.parametrize("speed", [0.05, 0.25, 0.5])
def test_objects_travel_at_the_belt_speed(shape, speed):
    world = _world(speed, (shape,))
    _run(world, 0.3)
    before = {item.object_id: item.position for item in world.objects()}
    _run(world, 1.0)
    for item in world.objects():
        if item.object_id in before and item.on_belt:
            moved = item.position - before[item.object_id]
            assert moved[0] == pytest.approx(speed, rel=0.02)
            assert np.abs(moved[1:]).max() < 0.002


def test_objects_follow_a_changing_belt():
    world = _world(0.15)
    _run(world, 0.3)
    world.belt_speed_scale = 2.0
    _run(world, 0.6)
    before = {item.object_id: item.position[0] for item in world.objects()}
    _run(world, 0.5)
    for item in world.objects():
        if item.object_id in before and item.on_belt:
            assert item.position[0] - before[item.object_id] == pytest.approx(0.15, rel=0.02)


def test_objects_past_the_end_are_recycled_and_new_ones_keep_coming():
    world = _world(0.5)
    _run(world, 20.0)
    _, lost = world.take_finished()
    assert len(lost) >= 15
    assert 3 <= len(world.objects()) <= mjcf.OBJECT_COUNT
    assert all(item.on_belt for item in world.objects())


def test_spacing_between_objects_keeps_its_range():
    world = _world(0.3)
    _run(world, 8.0)
    x = sorted(item.position[0] for item in world.objects())
    assert np.diff(x).min() > 0.45 - 0.01
    assert np.diff(x).max() < 0.50 + 0.01


def test_what_the_camera_sees_of_an_object_has_its_size():
    world = _world()
    for slot in world.pool.active_slots():
        centre, half = world.pool.position(slot), world.pool.half_height_m[slot]
        geom = np.array([-1], dtype=np.int32)
        groups = np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)
        start = centre + (0.0, 0.0, 0.1)
        distance = mujoco.mj_ray(
            world.model, world.data, start, np.array((0.0, 0.0, -1.0)), groups, 1, -1, geom
        )
        assert world.model.geom(geom[0]).name == f"object_{slot}"
        assert distance == pytest.approx(0.1 - half, abs=1e-6)


def test_suction_takes_hold_only_where_it_touches():
    world = _world(0.05)
    world.apply(np.zeros(6), np.zeros(2), 1.0)
    _run(world, 0.2)
    assert world.suction.held_id is None
    nearest = min(
        np.linalg.norm(item.position - world.state().tool_position) for item in world.objects()
    )
    assert nearest > 0.03


def test_suction_that_is_off_takes_hold_of_nothing():
    world, planner = _world(0.1), Planner()
    for _ in range(800):
        action = planner.step(world.state())
        world.apply(action.joint_velocity, action.base_twist, 0.0)
        _run(world, 0.01)
        assert world.suction.held_id is None


def test_object_is_lifted_and_falls_into_the_bin_on_release():
    world, planner = _world(0.15), Planner()
    held = _drive_until(world, planner, lambda state: state.held_id is not None).held_id
    lip = world.state().tool_position
    item = next(item for item in world.objects() if item.object_id == held)
    gap = lip[2] - item.position[2] - item.half_height_m
    assert abs(gap) < 0.01
    _drive_until(world, planner, lambda state: state.held_id is None)
    _run(world, 0.5)
    binned, lost = world.take_finished()
    assert binned == [held]
    assert lost == []


def test_held_object_stays_put_in_the_gripper_while_others_enter():
    world, planner = _world(0.25), Planner()
    _drive_until(world, planner, lambda state: state.held_id is not None)
    slot = world.suction.held_slot
    tool = world.model.body("tool").id

    def offset():
        rotation = world.data.xmat[tool].reshape(3, 3)
        return (world.pool.position(slot) - world.data.xpos[tool]) @ rotation

    first = offset()
    world.apply(np.zeros(6), np.zeros(2), 1.0)
    _run(world, 4.0)
    assert world.suction.held_slot == slot
    np.testing.assert_allclose(offset(), first, atol=0.003)


def test_payload_makes_a_resting_arm_sag_and_more_of_it_more():
    sag = []
    for mass in (0.0, 1.0, 3.0):
        world = _world()
        world.set_payload(mass)
        world.apply(*STILL)
        before = world.state().tool_position[2]
        _run(world, 1.0)
        sag.append(before - world.state().tool_position[2])
    assert abs(sag[0]) < 0.0005
    assert sag[1] > 0.005
    assert sag[2] == pytest.approx(3 * sag[1], rel=0.15)


def test_payload_slows_the_lift():
    rise = []
    for mass in (0.0, 4.0):
        world = _world()
        world.set_payload(mass)
        up = np.array((0.0, -0.5, 0.0, 0.0, 0.0, 0.0))
        world.apply(up, np.zeros(2), 0.0)
        before = world.state().joint_position[1]
        _run(world, 0.5)
        rise.append(before - world.state().joint_position[1])
    assert rise[0] == pytest.approx(0.25, rel=0.05)
    assert rise[1] < 0.95 * rise[0]


def test_joint_torques_never_exceed_the_published_maximum():
    world, rng = _world(), np.random.default_rng(1)
    world.set_payload(5.0)
    for _ in range(40):
        world.apply(rng.uniform(-9.0, 9.0, 6), np.zeros(2), 0.0)
        _run(world, 0.02)
        torque = [world.data.joint(name).qfrc_actuator[0] for name in JOINT_NAMES]
        assert np.all(np.abs(torque) <= np.array((150, 150, 150, 28, 28, 28)) + 1e-6)


def test_base_drives_and_turns_as_commanded():
    world = _world()
    world.apply(np.zeros(6), np.array((0.2, 0.0)), 0.0)
    _run(world, 1.5)
    x, y, yaw = world.state().base_pose
    assert x == pytest.approx(0.3, rel=0.05)
    assert abs(y) < 0.005
    assert abs(yaw) < 0.01
    world.apply(np.zeros(6), np.array((0.0, 0.3)), 0.0)
    _run(world, 1.0)
    assert world.state().base_pose[2] - yaw == pytest.approx(0.3, rel=0.1)


def test_imu_at_rest_feels_gravity_upwards():
    world = _world()
    world.apply(*STILL)
    _run(world, 0.5)
    force, rate = world.imu_truth()
    np.testing.assert_allclose(force, (0.0, 0.0, 9.81), atol=0.05)
    np.testing.assert_allclose(rate, 0.0, atol=0.01)


def test_positions_are_in_base_link_wherever_the_base_stands():
    world = _world(0.05)
    world.apply(np.zeros(6), np.array((0.2, 0.3)), 0.0)
    _run(world, 1.0)
    pose = np.linalg.inv(world.base_transform())
    for slot, item in zip(world.pool.active_slots(), world.objects(), strict=True):
        expected = pose @ (*world.pool.position(slot), 1.0)
        np.testing.assert_allclose(item.position, expected[:3], atol=1e-9)
