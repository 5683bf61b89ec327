"""The teacher: picks, keeps its limits, keeps the tool down, and can take over anywhere."""

import numpy as np
import pytest

from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.config import BeltConfig, EpisodeConfig
from liquid_adapt_ros.sim.planner import Phase, Planner, joints_at
from liquid_adapt_ros.sim.world import ConveyorWorld


def _episode(seconds, speed=0.2, seed=0, scale=1.0, meddle=None):
    """Run world and planner; returns the world and the (state, action) pairs."""
    config = EpisodeConfig(belt=BeltConfig(speed_m_s=speed, other_speed_m_s=speed))
    world, planner = ConveyorWorld(config, np.random.default_rng(seed)), Planner()
    world.belt_speed_scale = scale
    history = []
    for _ in range(round(seconds * 100)):
        state = world.state()
        action = planner.step(state)
        history.append((state, action))
        velocity = action.joint_velocity if meddle is None else meddle(state, action)
        world.apply(velocity, action.base_twist, action.gripper)
        for _ in range(5):
            world.step()
        world.refresh()
    return world, history


@pytest.mark.parametrize(
    ("speed", "scale", "least"), [(0.08, 1.0, 0.9), (0.25, 1.0, 0.9), (0.25, 1.6, 0.6)]
)
def test_picks_what_comes_at_nominal_speed_and_most_of_it_beyond(speed, scale, least):
    picks = finished = 0
    for seed in (1, 2):
        world, _ = _episode(25.0, speed, seed, scale)
        binned, lost = world.take_finished()
        picks += len(binned)
        finished += len(binned) + len(lost)
    assert finished >= 4
    assert picks / finished >= least


def test_keeps_joint_and_base_limits_and_accelerations():
    _, history = _episode(12.0, speed=0.25)
    velocity = np.array([action.joint_velocity for _, action in history])
    assert np.abs(velocity).max() <= np.pi
    assert np.abs(np.diff(velocity, axis=0)).max() / 0.01 <= 10.0 + 1e-6
    twist = np.array([action.base_twist for _, action in history])
    assert np.abs(twist[:, 0]).max() <= 0.3
    pose = np.array([state.base_pose for state, _ in history])
    assert np.abs(pose[:, 0]).max() <= 0.25
    assert np.abs(pose[:, 2]).max() <= 0.1


def test_the_base_stays_on_its_line():
    _, history = _episode(60.0, speed=0.22)
    y = np.array([state.base_pose[1] for state, _ in history])
    # Each swing of the arm pushes it by about 1 mm; ten times that would add up over the swings.
    assert np.abs(y).max() < 0.01


def test_tool_points_down_throughout():
    _, history = _episode(12.0)
    for state, _ in history[::20]:
        axis = ur5e.forward_kinematics(state.joint_position)[:3, 2]
        assert axis[2] < -0.99


def test_goes_through_its_phases_in_order():
    _, history = _episode(10.0)
    phases = [action.phase for _, action in history]
    order = [phase for phase, last in zip(phases[1:], phases, strict=False) if phase is not last]
    start = order.index(Phase.DESCEND)
    expected = [Phase.DESCEND, Phase.LIFT, Phase.CARRY, Phase.RELEASE]
    assert order[start : start + 4] == expected


def test_matches_the_belt_when_it_takes_hold():
    _, history = _episode(12.0, speed=0.25)
    lips = np.array([state.tool_position for state, _ in history])
    for index in range(1, len(history)):
        before, state = history[index - 1][0], history[index][0]
        if before.held_id is None and state.held_id is not None:
            velocity = (lips[index] - lips[index - 1]) / 0.01
            assert velocity[:2] == pytest.approx(before.belt_velocity[:2], abs=0.05)


def test_recovers_when_someone_else_has_moved_the_arm():
    push = np.array((0.3, -0.3, 0.3, 0.3, 0.3, 0.3))

    def meddle(state, action):
        return action.joint_velocity + push if state.time_s < 3.0 else action.joint_velocity

    world, _ = _episode(20.0, meddle=meddle)
    binned, _ = world.take_finished()
    assert len(binned) >= 3


def test_waits_when_there_is_no_target():
    world, history = _episode(3.0, speed=0.05, seed=5)
    idle = [action for state, action in history if action.object_id is None and not state.held_id]
    assert all(action.phase in (Phase.WAIT, Phase.RETURN) for action in idle)


@pytest.mark.parametrize("lip", [(-0.2, 0.15, 0.5), (-0.2, 0.65, 0.62), (0.5, 0.65, 0.5)])
def test_the_arm_can_be_put_where_the_planner_would_have_brought_it(lip):
    joints = joints_at(np.array(lip), EpisodeConfig().arm.start_rad)
    tool = ur5e.forward_kinematics(joints)
    assert tool[:3, 3] + robot.TOOL_LENGTH_M * tool[:3, 2] + robot.ARM_BASE_M == pytest.approx(
        np.array(lip), abs=0.005
    )
    assert tool[2, 2] < np.cos(np.pi - 0.1)  # it points down


def test_a_point_out_of_reach_is_refused():
    with pytest.raises(ValueError, match=r"lip = .*out of the arm's reach"):
        joints_at(np.array((2.0, 0.0, 0.5)), EpisodeConfig().arm.start_rad)
