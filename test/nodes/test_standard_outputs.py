"""lnn_inference speaks the standard messages that its parameters choose, to another process."""

import math

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from policy_drivers import ACCELERATION, PARAMETERS, Observations
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import Marker

from liquid_adapt_ros.msg import PolicyAction
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import stamp_ns

TRAJECTORY = "joint_trajectory_controller/joint_trajectory"
VELOCITIES = "joint_velocity_controller/commands"


@pytest.fixture
def run(probe, model, start_node):
    """run({parameter: value}, record...) starts the node, and returns the recorded lists with that
    of policy_action, once it moves; record: (type, topic) pairs."""

    def start(parameters, *record):
        recorded = [probe.record(kind, topic, qos.REPORT) for kind, topic in record]
        actions = probe.record(PolicyAction, "policy_action", qos.POLICY_ACTION_WINDOW)
        probe.observations = Observations(probe, model)
        node = start_node(
            "lnn_inference", PARAMETERS | {"model_file": str(model.model_path)} | parameters
        )
        probe.spin_until(lambda: len(actions) > 50 or node.process.poll() is not None)
        assert len(actions) > 50, node.output()
        return *recorded, actions

    return start


def action_at(actions, at_ns):
    return next(action for action in actions if stamp_ns(action.header.stamp) == at_ns)


def seconds(duration):
    return duration.sec + 1e-9 * duration.nanosec


def test_a_trajectory_holds_the_velocities_and_then_brings_the_arm_to_rest(probe, model, run):
    trajectories, velocities, actions = run(
        {"arm_command": "trajectory"},
        (JointTrajectory, TRAJECTORY),
        (Float64MultiArray, VELOCITIES),
    )
    assert probe.spin_until(lambda: len(trajectories) > 50)
    known = [list(action.joint_velocities) for action in actions]
    answered = 0
    for trajectory in trajectories:
        assert tuple(trajectory.joint_names) == model.spec.joint_names
        assert stamp_ns(trajectory.header.stamp) == 0
        moving, resting = trajectory.points
        answered += list(moving.velocities) in known
        assert len(moving.positions) == len(resting.positions) == 0
        assert not any(resting.velocities) and len(resting.velocities) == 6
        # A stop that the limits allow, from velocities that still hold some periods.
        stop_s = seconds(resting.time_from_start) - seconds(moving.time_from_start)
        assert seconds(moving.time_from_start) >= 0.02
        assert stop_s > 0.0
        assert np.abs(moving.velocities).max() <= ACCELERATION * stop_s + 1e-6
    assert answered >= 0.9 * len(trajectories)
    assert any(np.abs(trajectory.points[0].velocities).max() > 0.1 for trajectory in trajectories)
    assert not velocities


def test_velocities_are_what_an_arm_hears_without_asking(probe, run):
    trajectories, velocities, twists, actions = run(
        {},
        (JointTrajectory, TRAJECTORY),
        (Float64MultiArray, VELOCITIES),
        (TwistStamped, "cmd_vel"),
    )
    assert probe.spin_until(lambda: velocities and twists)
    assert not trajectories
    assert probe.count_publishers("predicted_object_pose") == 0
    assert probe.count_publishers("prediction_marker") == 0
    twist = twists[-1]
    assert twist.header.frame_id == "base_link"
    action = action_at(actions, stamp_ns(twist.header.stamp))
    assert twist.twist.linear.x == action.base_linear_velocity
    assert twist.twist.angular.z == action.base_angular_velocity


def test_a_base_may_hear_a_plain_twist(probe, run):
    twists, actions = run({"base_command": "twist"}, (Twist, "cmd_vel"))
    assert probe.spin_until(lambda: len(twists) > 20)
    said = {(action.base_linear_velocity, action.base_angular_velocity) for action in actions}
    heard = {(twist.linear.x, twist.angular.z) for twist in twists[-10:]}
    assert len(heard & said) >= 5
    assert any(linear > 0.1 for linear, _ in heard)


def test_the_prediction_is_a_pose_of_the_instant_it_is_for_and_a_marker_that_fades(
    probe, model, run
):
    poses, markers, actions = run(
        {"publish_predicted_pose": True, "publish_prediction_marker": True},
        (PoseStamped, "predicted_object_pose"),
        (Marker, "prediction_marker"),
    )
    assert probe.spin_until(lambda: len(poses) > 20 and len(markers) > 20)
    pose, marker = poses[-1], markers[-1]
    horizon_ns = round(1e9 * model.spec.horizon_s)
    action = action_at(actions, stamp_ns(pose.header.stamp) - horizon_ns)
    assert pose.pose.position == action.predicted_position
    assert pose.header.frame_id == action.header.frame_id == "base_link"
    assert pose.pose.orientation.w == 1.0
    action = action_at(actions, stamp_ns(marker.header.stamp))
    assert marker.pose.position == action.predicted_position
    assert marker.header.frame_id == "base_link" and marker.type == Marker.SPHERE
    assert marker.color.a > 0.0 and marker.scale.x > 0.0
    assert 0.0 < seconds(marker.lifetime) < 5.0


def test_where_there_is_no_prediction_none_is_published(probe, run):
    poses, markers, actions = run(
        {"publish_predicted_pose": True, "publish_prediction_marker": True},
        (PoseStamped, "predicted_object_pose"),
        (Marker, "prediction_marker"),
    )
    probe.observations.alter = lambda message: None
    assert probe.spin_until(lambda: actions[-1].safe_stop)
    del poses[:], markers[:]
    before = len(actions)
    assert probe.spin_until(lambda: len(actions) > before + 20)
    assert all(math.isnan(action.predicted_position.x) for action in actions[before:])
    assert not poses and not markers


@pytest.mark.parametrize(
    ("parameter", "choices"),
    [("arm_command", "velocities, trajectory"), ("base_command", "twist_stamped, twist")],
)
def test_an_output_that_is_not_known_is_refused_with_those_that_are(
    start_node, model, parameter, choices
):
    node = start_node("lnn_inference", {"model_file": str(model.model_path), parameter: "smoke"})
    assert node.wait() == 1
    assert f"{parameter} must be one of {choices}, not 'smoke'" in node.output()
