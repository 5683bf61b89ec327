"""An action as messages: PolicyAction, and the standard messages that the robot listens to."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rclpy.duration import Duration

from liquid_adapt_ros.msg import PolicyAction
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.nodes.standard_outputs import Output, RobotDescription
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
    """The publishers of lnn_inference; message objects are used again and again.

    Arguments:
        node: the lifecycle node that owns the publishers.
        robot: what the messages say about it.
        outputs: the kinds of standard messages to send, commands first.
    """

    def __init__(
        self, node: Any, robot: RobotDescription, outputs: Sequence[type[Output]]
    ) -> None:
        self._node = node
        self._outputs = [kind(node, robot) for kind in outputs]
        self._actions = node.create_lifecycle_publisher(
            PolicyAction, "policy_action", qos.POLICY_ACTION
        )
        self._action = PolicyAction(joint_names=list(robot.joint_names), horizon_s=robot.horizon_s)
        self._action.header.frame_id = robot.base_frame

    def publish(self, answer: Answer) -> None:
        """Publish the standard messages, then the PolicyAction that reports them."""
        for output in self._outputs:
            output.publish(answer.stamp_ns, answer.command, answer.position)
        action = self._action
        set_stamp(action.header.stamp, answer.stamp_ns)
        action.joint_velocities = array("d", answer.command.joint_velocity.tolist())
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

    def change_acceleration(self, joint_acceleration_rad_s2: Sequence[float]) -> None:
        """Say in the next messages that the joints may accelerate so much (joints,) [rad/s^2]."""
        for output in self._outputs:
            output.robot = replace(
                output.robot, joint_acceleration_rad_s2=joint_acceleration_rad_s2
            )

    def wait_until_received(self) -> None:
        """Give the last command time to arrive before the publishers go."""
        for output in self._outputs:
            output.publisher.wait_for_all_acked(LAST_COMMAND_TIMEOUT)

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for publisher in (self._actions, *(output.publisher for output in self._outputs)):
            self._node.destroy_lifecycle_publisher(publisher)
