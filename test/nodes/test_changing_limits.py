"""lnn_inference as a process: its limits and timeouts change while it moves a robot."""

import numpy as np
from policy_drivers import ACCELERATION, assert_smooth
from trajectory_msgs.msg import JointTrajectory

from liquid_adapt_ros.nodes import qos

NODE = "lnn_inference"
SLOW = {
    "joint_max_velocity_rad_s": [0.1] * 6,
    "base_max_velocity": [0.05, 0.04],
}


def is_within(action, limits):
    joints, base = limits["joint_max_velocity_rad_s"], limits["base_max_velocity"]
    twist = (action.base_linear_velocity, action.base_angular_velocity)
    return (np.abs(action.joint_velocities) <= joints).all() and (np.abs(twist) <= base).all()


def test_lower_velocities_slow_the_robot_down_smoothly_and_then_hold(probe, moving_robot):
    robot = moving_robot()
    assert probe.spin_until(robot.moves_at_full_speed)
    robot.forget()
    assert probe.set_parameters(NODE, SLOW).successful
    assert probe.spin_until(lambda: robot.actions and is_within(robot.actions[-1], SLOW))
    slow = len(robot.actions)
    assert probe.spin_until(lambda: len(robot.actions) > slow + 50)
    assert all(is_within(action, SLOW) and action.limit_applied for action in robot.actions[slow:])
    assert probe.set_parameters(NODE, {"joint_max_velocity_rad_s": [3.0] * 6}).successful
    assert probe.spin_until(robot.moves_at_full_speed)
    assert_smooth(robot.actions, ACCELERATION)
    assert not any(action.safe_stop for action in robot.actions)


def test_a_stop_keeps_to_the_acceleration_that_was_set_last(probe, moving_robot):
    robot = moving_robot({"arm_command": "trajectory"})
    topic = "joint_trajectory_controller/joint_trajectory"
    trajectories = probe.record(JointTrajectory, topic, qos.REPORT)
    assert probe.spin_until(robot.moves_at_full_speed)
    gentle = ACCELERATION / 2.0
    changed = {"joint_max_acceleration_rad_s2": [gentle] * 6}
    assert probe.set_parameters(NODE, changed).successful
    known = len(robot.actions)  # what was sent before the change has arrived some actions later
    assert probe.spin_until(lambda: len(robot.actions) > known + 20)
    robot.forget()
    del trajectories[:]
    robot.observations.alter = lambda message: None
    assert probe.spin_until(robot.is_at_rest)
    assert_smooth(robot.actions, gentle)
    for trajectory in trajectories:
        moving, resting = (point.time_from_start for point in trajectory.points)
        stop_s = (resting.sec - moving.sec) + 1e-9 * (resting.nanosec - moving.nanosec)
        assert np.abs(trajectory.points[0].velocities).max() <= gentle * stop_s + 1e-6
    assert any(np.any(trajectory.points[0].velocities) for trajectory in trajectories)


def test_what_can_not_be_is_refused_with_name_value_and_bound(probe, moving_robot):
    moving_robot()
    for values, reason in (
        (
            {"joint_max_velocity_rad_s": [0.0] * 6},
            "joint_max_velocity_rad_s must be at least 0.001, not 0.0",
        ),
        (
            {"joint_max_acceleration_rad_s2": [1.0] * 5},
            "joint_max_acceleration_rad_s2 is for 5 joints, the model has 6",
        ),
        (
            {"base_max_acceleration": [0.5, 0.02]},
            "base_max_acceleration must be at least 0.2 for base_max_velocity 1, to stop within "
            "5 s, not 0.02",
        ),
        # Slow enough for the velocities in the same request, not for those that it moves at.
        (SLOW | {"base_max_acceleration": [0.5, 0.02]}, "base_max_acceleration must be"),
        ({"base_max_velocity": [1.0]}, "base_max_velocity needs 2 elements, not 1"),
        ({"input_timeout_s": 0.001}, "input_timeout_s"),
        ({"core_engine": "onnx"}, "read-only"),
    ):
        result = probe.set_parameters(NODE, values)
        assert not result.successful
        assert reason in result.reason


def test_one_bad_value_keeps_the_whole_request_from_taking_effect(probe, moving_robot):
    robot = moving_robot()
    names = (*SLOW, "camera_max_age_s")
    before = probe.parameters(NODE, names)
    assert probe.spin_until(robot.moves_at_full_speed)
    robot.forget()
    result = probe.set_parameters(NODE, SLOW | {"camera_max_age_s": -1.0})
    assert not result.successful and "camera_max_age_s" in result.reason
    result = probe.set_parameters(NODE, SLOW | {"joint_max_acceleration_rad_s2": [1.0] * 7})
    assert not result.successful
    assert probe.parameters(NODE, names) == before
    assert probe.spin_until(lambda: len(robot.actions) > 50)
    assert all(np.mean(action.joint_velocities) > 0.2 for action in robot.actions)


def test_an_age_limit_that_is_set_stops_the_robot_at_the_next_input(probe, moving_robot):
    robot = moving_robot()
    assert probe.spin_until(robot.moves_at_full_speed)

    def old_picture(message):
        message.camera_age_s = 0.5
        return message

    robot.observations.alter = old_picture
    probe.spin_for(0.2)
    assert robot.is_moving()
    assert probe.set_parameters(NODE, {"camera_max_age_s": 0.4}).successful
    assert probe.spin_until(robot.is_stopping)
    assert "picture is 0.500 s old, the limit is 0.4 s" in robot.actions[-1].safe_stop_reason
