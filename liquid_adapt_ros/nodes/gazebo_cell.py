"""gazebo_cell: the part of the cell that Gazebo does not simulate.

From Gazebo's ground truth it observes the target as a detector would (object_pose); it runs the
belt, feeds it with objects, and closes and opens the joints that stand for the suction cup. Its
time is that of the poses' stamps.
"""

import math
import sys
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, Float64, Float64MultiArray
from visualization_msgs.msg import Marker

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.belt_marker import BELT_MARKER_TOPIC, belt_marker
from liquid_adapt_ros.nodes.gazebo_parameters import (
    PARAMETERS,
    SPEED_SCALE,
    belt_config,
    detector_config,
)
from liquid_adapt_ros.nodes.gazebo_service import PlacementService
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node
from liquid_adapt_ros.nodes.polling import PolledGroup, waiting_messages
from liquid_adapt_ros.nodes.sim_messages import detection_message
from liquid_adapt_ros.nodes.stamps import stamp_ns
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim import ur5e
from liquid_adapt_ros.sim.config import ObjectConfig
from liquid_adapt_ros.sim.gazebo_cell import TICK_S, CellTick, GazeboCell
from liquid_adapt_ros.sim.gazebo_truth import GroundTruth, PoseHistory, load_objects

BELT_SPEED_TOPIC = "belt_speed"
ROBOT_POSE_TOPIC = "sim/robot/pose"
# The belt's speed and its marker go out every so many ticks (10 Hz).
_BELT_EVERY_TICKS = 10
# Ticks that are further behind than this are left out.
_LAG_MAX_S = 0.2


def object_topic(name: str, what: str) -> str:
    """Topic of an object; what: pose, attach or detach."""
    return f"sim/{name}/{what}"


class GazeboCellNode(ManagedNode):
    """The node; see the module's docstring for what it does."""

    def __init__(self) -> None:
        super().__init__("gazebo_cell", PARAMETERS)
        self._made: list[Any] = []
        self._polled: list[Any] = []
        self._service: PlacementService | None = None

    def configure(self) -> None:
        """Make the topics and find Gazebo's command line."""
        p = self.parameters
        self._objects = load_objects(share_folder() / "worlds" / "objects.yaml")
        self._service = PlacementService(p["simulator"], p["world"])
        make = self.create_lifecycle_publisher
        self._detections = make(PoseStamped, "object_pose", qos.OBJECT_POSE)
        self._belt = make(Float64, BELT_SPEED_TOPIC, qos.COMMAND)
        self._belt_marker = make(Marker, BELT_MARKER_TOPIC, qos.REPORT)
        self._joints = {
            (item.name, what): make(Empty, object_topic(item.name, what), qos.COMMAND)
            for item in self._objects
            for what in ("attach", "detach")
        }
        self._made = [self._detections, self._belt, self._belt_marker, *self._joints.values()]
        self._joint_order = JointOrder(ur5e.JOINT_NAMES)

    def activate(self) -> None:
        """Listen to Gazebo and start from what comes first."""
        self._restart()
        group = PolledGroup()
        poses = [(ROBOT_POSE_TOPIC, self._truth.robot)]
        poses += [
            (object_topic(name, "pose"), history)
            for name, history in self._truth.histories.items()
        ]
        wanted = [
            (PoseStamped, topic, partial(self._on_pose, history), qos.GROUND_TRUTH)
            for topic, history in poses
        ]
        wanted += [
            (JointState, "joint_states", self._on_joints, qos.SENSOR),
            (Float64MultiArray, "gripper_controller/commands", self._on_gripper, qos.COMMAND),
        ]
        self._polled = [
            self.create_subscription(kind, topic, take, profile, callback_group=group)
            for kind, topic, take, profile in wanted
        ]
        self._timer = self.create_timer(
            TICK_S, self._run_due_ticks, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def deactivate(self) -> None:
        """Stop listening; the belt keeps its last speed."""
        if self._polled:
            self.destroy_timer(self._timer)
        for subscription in self._polled:
            self.destroy_subscription(subscription)
        self._polled = []

    def cleanup(self) -> None:
        """Remove the publishers and end the calls to Gazebo."""
        for publisher in self._made:
            self.destroy_lifecycle_publisher(publisher)
        self._made = []
        if self._service is not None:
            self._service.close()
            self._service = None

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """The belt's disturbance and the detector's values count from the next tick on."""
        if not self._polled:
            return
        values = {**self.parameters, **changes}
        self._cell.belt_speed_scale = values[SPEED_SCALE]
        detector = detector_config(values)
        if detector != detector_config(self.parameters):
            self._cell.change_detector(detector)

    def _restart(self) -> None:
        p = self.parameters
        self._truth = GroundTruth(self._objects)
        self._cell = GazeboCell(
            self._truth, belt_config(p), ObjectConfig(), detector_config(p), p["seed"]
        )
        self._cell.belt_speed_scale = p[SPEED_SCALE]
        self._joint_position: np.ndarray | None = None
        self._suction_on = False
        self._ticks: int | None = None

    def _on_pose(self, history: PoseHistory, message: PoseStamped) -> None:
        point, turn = message.pose.position, message.pose.orientation
        position = np.array((point.x, point.y, point.z))
        orientation = np.array((turn.x, turn.y, turn.z, turn.w))
        if not np.isfinite(position).all() or not np.linalg.norm(orientation) > 0.0:
            self.diagnostics.count("pose refused", f"{position} {orientation}")
            return
        history.add(stamp_ns(message.header.stamp) / NANOSECONDS, position, orientation)

    def _on_joints(self, message: JointState) -> None:
        try:
            self._joint_position = self._joint_order.pick(message.name, message.position)
        except ValueError as error:
            self.diagnostics.count("joint sample dropped", str(error))

    def _on_gripper(self, message: Float64MultiArray) -> None:
        if len(message.data) != 1 or not math.isfinite(message.data[0]):
            self.diagnostics.count("gripper command refused", f"{list(message.data)}")
            return
        self._suction_on = message.data[0] > 0.5

    def _run_due_ticks(self) -> None:
        for subscription in self._polled:
            for message in waiting_messages(subscription):
                subscription.callback(message)
        for reason in self._service.take_failures():
            self.diagnostics.count("object not placed", reason)
        if self._joint_position is None or self._truth.complete_until_s == -math.inf:
            return
        newest = math.floor(self._truth.complete_until_s / TICK_S)
        oldest = newest - round(_LAG_MAX_S / TICK_S)
        # The first tick, one after a pause, or one after Gazebo has been reset.
        if self._ticks is None or not oldest <= self._ticks <= newest:
            if newest * TICK_S < self._truth.complete_from_s:
                return
            self._ticks = newest - 1
        while self._ticks < newest:
            self._ticks += 1
            self._publish(
                self._cell.tick(self._ticks * TICK_S, self._joint_position, self._suction_on)
            )

    def _publish(self, tick: CellTick) -> None:
        if tick.detection is not None:
            self._detections.publish(detection_message(tick.detection))
        if self._ticks % _BELT_EVERY_TICKS == 0:
            self._belt.publish(Float64(data=tick.belt_speed_m_s))
            self.diagnostics.figure("belt_speed_m_s", tick.belt_speed_m_s)
            time_s = self._ticks * TICK_S
            self._belt_marker.publish(belt_marker(time_s, self._truth.base_pose(time_s)))
        if tick.attach is not None:
            self._joints[tick.attach, "attach"].publish(Empty())
        for name in tick.detach:
            self._joints[name, "detach"].publish(Empty())
        if tick.placement is not None:
            self._service.place(tick.placement)
            self.diagnostics.tally("objects fed")


def main() -> int:
    """Run the node."""
    return spin_node(GazeboCellNode)


if __name__ == "__main__":
    sys.exit(main())
