"""The simulator's samples as messages."""

import math

import numpy as np

from liquid_adapt_ros.nodes import sim_messages
from liquid_adapt_ros.nodes.images import colour_array, depth_array_m, intrinsics_array
from liquid_adapt_ros.sim.config import ImuConfig
from liquid_adapt_ros.sim.planner import Phase, PlannerAction
from liquid_adapt_ros.sim.samples import CameraSample, OdomSample
from liquid_adapt_ros.sim.sensors import ImuSample


def test_a_camera_frame_survives_the_way_to_sensor_fusion():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    depth_m = rng.uniform(0.2, 3.0, (6, 8)).astype(np.float32)
    depth_m[0, 0] = 0.0
    matrix = np.array([[90.0, 0.0, 3.5], [0.0, 91.0, 2.5], [0.0, 0.0, 1.0]])
    info, colour, depth = sim_messages.camera_messages(CameraSample(1.25, rgb, depth_m, matrix))
    np.testing.assert_array_equal(colour_array(colour), rgb)
    received_m = depth_array_m(depth)
    np.testing.assert_allclose(received_m, depth_m, atol=0.00051)
    assert received_m[0, 0] == 0.0
    np.testing.assert_array_equal(intrinsics_array(info), matrix)
    assert info.p.reshape(3, 4)[:, :3].tolist() == matrix.tolist()
    for message in (info, colour, depth):
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 250_000_000)
        assert message.header.frame_id == "camera_color_optical_frame"


def test_the_imu_says_that_it_measures_no_orientation():
    message = sim_messages.imu_message(
        ImuSample(0.005, np.array([0.1, 0.2, 9.8]), np.array([0.01, 0.02, 0.03])), ImuConfig()
    )
    assert message.orientation_covariance[0] == -1.0
    assert message.linear_acceleration.z == 9.8
    assert message.angular_velocity.x == 0.01
    assert np.count_nonzero(message.linear_acceleration_covariance) == 3


def test_odometry_holds_the_yaw_as_a_unit_quaternion():
    message = sim_messages.odometry_message(
        OdomSample(0.0, np.array([1.0, 2.0, 0.5]), np.array([0.1, 0.2]))
    )
    q = message.pose.pose.orientation
    assert math.isclose(math.atan2(2 * q.w * q.z, 1 - 2 * q.z**2), 0.5)
    assert message.twist.twist.angular.z == 0.2
    assert message.child_frame_id == "base_link"


def test_the_planner_leaves_positions_open_and_commands_the_gripper_as_a_joint():
    action = PlannerAction(np.arange(6.0), np.array([0.1, 0.0]), 1.0, Phase.LIFT, 3)
    command, twist = sim_messages.planner_messages(0.5, action)
    assert command.name[-1] == "gripper"
    assert command.position[-1] == 1.0
    assert all(math.isnan(value) for value in command.position[:-1])
    assert list(command.velocity) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0]
    assert twist.twist.linear.x == 0.1
