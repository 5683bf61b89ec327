"""A command or a prediction as one of the standard messages that robots and RViz listen to.

Each class here owns one publisher and its message object, which is used again and again.
"""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from numpy.typing import NDArray
from rclpy.qos import QoSProfile
from std_msgs.msg import ColorRGBA, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import Marker

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.runtime.limits import Command

# A trajectory holds its velocities for this long, some periods of policy_action, and then slows
# the arm down: an arm that hears nothing new comes to rest.
HOLD_S = 0.05
# Two points of a trajectory must not have the same time.
SHORTEST_STOP_S = 0.01
MARKER_DIAMETER_M = 0.05
# A marker is taken away when no new prediction has come for this long.
MARKER_LIFETIME = Duration(nanosec=500_000_000)


@dataclass(frozen=True)
class RobotDescription:
    """What the messages say about the robot.

    Attributes:
        joint_names: the arm's joints, in the order of the velocities.
        joint_acceleration_rad_s2: largest acceleration of each.
        base_frame: frame of base velocity and prediction.
        horizon_s: how far ahead the position is predicted [s].
    """

    joint_names: Sequence[str]
    joint_acceleration_rad_s2: Sequence[float]
    base_frame: str
    horizon_s: float


class Output(ABC):
    """One topic: message type, name and quality of service, and what is published on it."""

    message_type: type
    topic: str
    profile: QoSProfile = qos.COMMAND

    def __init__(self, node: Any, robot: RobotDescription) -> None:
        self.robot = robot
        self.message = self.message_type()
        self.publisher = node.create_lifecycle_publisher(
            self.message_type, self.topic, self.profile
        )

    @abstractmethod
    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """Publish what concerns this topic.

        stamp_ns: of the observation answered. command: after limits. position: (3,) predicted,
        NaN where there is no prediction [m].
        """


class JointVelocities(Output):
    """One velocity per joint, for a forward command controller."""

    message_type = Float64MultiArray
    topic = "joint_velocity_controller/commands"

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output."""
        self.message.data = array("d", command.joint_velocity.tolist())
        self.publisher.publish(self.message)


class JointVelocityTrajectory(Output):
    """The velocities for HOLD_S, then rest, for a joint trajectory controller.

    The points have velocities only, as the command is one. The stamp is zero: it starts on
    arrival.
    """

    message_type = JointTrajectory
    topic = "joint_trajectory_controller/joint_trajectory"

    def __init__(self, node: Any, robot: RobotDescription) -> None:
        super().__init__(node, robot)
        self.message.joint_names = list(robot.joint_names)
        at_rest = array("d", [0.0] * len(robot.joint_names))
        self._moving = JointTrajectoryPoint(time_from_start=_duration(HOLD_S))
        self._resting = JointTrajectoryPoint(velocities=at_rest)
        self.message.points = [self._moving, self._resting]

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output."""
        self._moving.velocities = array("d", command.joint_velocity.tolist())
        acceleration = np.array(self.robot.joint_acceleration_rad_s2)
        stop_s = float((np.abs(command.joint_velocity) / acceleration).max())
        self._resting.time_from_start = _duration(HOLD_S + max(stop_s, SHORTEST_STOP_S))
        self.publisher.publish(self.message)


class StampedBaseTwist(Output):
    """linear.x and angular.z for a differential drive, with stamp and frame."""

    message_type = TwistStamped
    topic = "cmd_vel"

    def __init__(self, node: Any, robot: RobotDescription) -> None:
        super().__init__(node, robot)
        self.message.header.frame_id = robot.base_frame

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output."""
        set_stamp(self.message.header.stamp, stamp_ns)
        twist = self.message.twist
        twist.linear.x, twist.angular.z = command.base.tolist()
        self.publisher.publish(self.message)


class BaseTwist(Output):
    """The same without stamp and frame, for drives that take no other."""

    message_type = Twist
    topic = "cmd_vel"

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output."""
        self.message.linear.x, self.message.angular.z = command.base.tolist()
        self.publisher.publish(self.message)


class Suction(Output):
    """The gripper's one value in [0, 1]."""

    message_type = Float64MultiArray
    topic = "gripper_controller/commands"

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output."""
        self.message.data = array("d", (command.gripper,))
        self.publisher.publish(self.message)


class PredictedPose(Output):
    """The predicted position, stamped with the instant it is predicted for, as a detector's pose
    of that instant will be; orientation is not predicted."""

    message_type = PoseStamped
    topic = "predicted_object_pose"
    profile = qos.PREDICTION

    def __init__(self, node: Any, robot: RobotDescription) -> None:
        super().__init__(node, robot)
        self.message.header.frame_id = robot.base_frame
        self._horizon_ns = round(robot.horizon_s * NANOSECONDS)

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output; nothing is published where there is no prediction."""
        point = self.message.pose.position
        point.x, point.y, point.z = position.tolist()
        if not isnan(point.x):
            set_stamp(self.message.header.stamp, stamp_ns + self._horizon_ns)
            self.publisher.publish(self.message)


class PredictionMarker(Output):
    """The predicted position as a sphere for RViz; it goes by itself when predictions end."""

    message_type = Marker
    topic = "prediction_marker"
    profile = qos.PREDICTION

    def __init__(self, node: Any, robot: RobotDescription) -> None:
        super().__init__(node, robot)
        marker = self.message
        marker.header.frame_id = robot.base_frame
        marker.ns, marker.type, marker.action = "predicted_object", Marker.SPHERE, Marker.ADD
        marker.scale.x = marker.scale.y = marker.scale.z = MARKER_DIAMETER_M
        marker.color = ColorRGBA(r=1.0, g=0.6, b=0.0, a=0.8)
        marker.lifetime = MARKER_LIFETIME

    def publish(self, stamp_ns: int, command: Command, position: NDArray[np.floating]) -> None:
        """See Output; the stamp is the observation's, for which a viewer has transforms."""
        point = self.message.pose.position
        point.x, point.y, point.z = position.tolist()
        if not isnan(point.x):
            set_stamp(self.message.header.stamp, stamp_ns)
            self.publisher.publish(self.message)


# What the parameters arm_command and base_command choose from; the first is the default.
ARM_COMMANDS = {"velocities": JointVelocities, "trajectory": JointVelocityTrajectory}
BASE_COMMANDS = {"twist_stamped": StampedBaseTwist, "twist": BaseTwist}


def _duration(time_s: float) -> Duration:
    nanoseconds = round(time_s * NANOSECONDS)
    return Duration(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)
