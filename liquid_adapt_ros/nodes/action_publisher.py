"""An action as messages: PolicyAction, and the commands that ros2_control and a base listen to."""

from array import array
from collections.abc import Sequence
from math import nan
from typing import Any, NamedTuple

import numpy as np
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.duration import Duration
from std_msgs.msg import Float64MultiArray

from liquid_adapt_ros.msg import PolicyAction
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.runtime.limits import Command

# How long the last command before a stop may take to arrive.
LAST_COMMAND_TIMEOUT = Duration(nanoseconds=200_000_000)
UNKNOWN_POSITION = np.full(3, nan)


class Answer(NamedTuple):
    """All that one PolicyAction says.

    stamp_ns: of the FusedState answered, or the node's clock when there is none. command: after
    limits. position: (3,) predicted [m], NaN if there is no prediction. safe_stop_reason: empty
    unless the command is a step of the smooth stop.
    """

    stamp_ns: int
    command: Command
    weight_version: int
    position: NDArray[np.floating] = UNKNOWN_POSITION
    compute_time_s: float = 0.0
    limit_applied: bool = False
    safe_stop_reason: str = ""


class ActionPublisher:
    """The four publishers of lnn_inference; message objects are used again and again.

    Arguments:
        node: the lifecycle node that owns the publishers.
        joint_names: the arm's joints, in the order of the velocities.
        horizon_s: how far ahead the position is predicted [s].
        base_frame: frame of base velocity and position.
    """

    def __init__(
        self, node: Any, joint_names: Sequence[str], horizon_s: float, base_frame: str
    ) -> None:
        self._node = node
        make = node.create_lifecycle_publisher
        self._actions = make(PolicyAction, "policy_action", qos.POLICY_ACTION)
        self._arm = make(Float64MultiArray, "joint_velocity_controller/commands", qos.COMMAND)
        self._base = make(TwistStamped, "cmd_vel", qos.COMMAND)
        self._gripper = make(Float64MultiArray, "gripper_controller/commands", qos.COMMAND)
        self._action = PolicyAction(joint_names=list(joint_names), horizon_s=horizon_s)
        self._arm_command, self._gripper_command = Float64MultiArray(), Float64MultiArray()
        self._twist = TwistStamped()
        self._action.header.frame_id = self._twist.header.frame_id = base_frame

    def publish(self, answer: Answer) -> None:
        """Publish the commands, then the PolicyAction that reports them."""
        self._publish_commands(answer.command, answer.stamp_ns)
        action = self._action
        set_stamp(action.header.stamp, answer.stamp_ns)
        action.joint_velocities = self._arm_command.data
        action.base_linear_velocity, action.base_angular_velocity = answer.command.base.tolist()
        action.gripper = answer.command.gripper
        point = action.predicted_position
        point.x, point.y, point.z = answer.position.tolist()
        action.weight_version = answer.weight_version
        action.compute_time_s = answer.compute_time_s
        action.limit_applied = answer.limit_applied
        action.safe_stop = bool(answer.safe_stop_reason)
        action.safe_stop_reason = answer.safe_stop_reason
        self._actions.publish(action)

    def wait_until_received(self) -> None:
        """Give the last command time to arrive before the publishers go."""
        for publisher in (self._arm, self._base, self._gripper):
            publisher.wait_for_all_acked(LAST_COMMAND_TIMEOUT)

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for publisher in (self._actions, self._arm, self._base, self._gripper):
            self._node.destroy_lifecycle_publisher(publisher)

    def _publish_commands(self, command: Command, stamp_ns: int) -> None:
        self._arm_command.data = array("d", command.joint_velocity.tolist())
        self._arm.publish(self._arm_command)
        set_stamp(self._twist.header.stamp, stamp_ns)
        self._twist.twist.linear.x, self._twist.twist.angular.z = command.base.tolist()
        self._base.publish(self._twist)
        self._gripper_command.data = array("d", (command.gripper,))
        self._gripper.publish(self._gripper_command)
