"""Every topic that conveyor_sim publishes, and the order within one tick."""

from typing import Any

from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.lifecycle import LifecycleNode
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu, JointState
from std_msgs.msg import String
from visualization_msgs.msg import Marker

from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes import sim_messages as messages
from liquid_adapt_ros.nodes.belt_marker import BELT_MARKER_TOPIC, belt_marker
from liquid_adapt_ros.sim.config import ImuConfig
from liquid_adapt_ros.sim.samples import CameraSample, OdomSample, TickResult

TOPICS = {
    "clock": (Clock, "/clock", qos.CLOCK),
    "imu": (Imu, "imu/data", qos.SENSOR),
    "joints": (JointState, "joint_states", qos.SENSOR),
    "odom": (Odometry, "odom", qos.SENSOR),
    "info": (CameraInfo, "camera/color/camera_info", qos.IMAGE),
    "colour": (Image, "camera/color/image_raw", qos.IMAGE),
    "depth": (Image, "camera/aligned_depth_to_color/image_raw", qos.IMAGE),
    "detection": (PoseStamped, "object_pose", qos.OBJECT_POSE),
    "planner_joints": (JointState, "planner/joint_command", qos.PLANNER),
    "planner_twist": (TwistStamped, "planner/cmd_vel", qos.PLANNER),
    "truth": (String, "sim/truth", qos.REPORT),
    "belt": (Marker, BELT_MARKER_TOPIC, qos.REPORT),
}


class SimPublishers:
    """The lifecycle publishers of `node`."""

    def __init__(self, node: LifecycleNode, imu: ImuConfig) -> None:
        self._node = node
        self._imu = imu
        self._publishers: dict[str, Any] = {
            name: node.create_lifecycle_publisher(*topic) for name, topic in TOPICS.items()
        }

    def publish_samples(self, result: TickResult) -> None:
        """Send what a tick gave, after a /clock that has reached every stamp in it.

        What the control loop waits for comes first, the picture last: its encoder takes long.
        """
        self._send("clock", messages.clock_message(result.time_s))
        for sample in result.imu:
            self._send("imu", messages.imu_message(sample, self._imu))
        self._send("joints", messages.joint_state_message(result.joint))
        joints, twist = messages.planner_messages(result.time_s, result.planner)
        self._send("planner_joints", joints)
        self._send("planner_twist", twist)
        self._send("odom", messages.odometry_message(result.odom))
        if result.detection is not None:
            self._send("detection", messages.detection_message(result.detection))
        if result.camera is not None:
            self._publish_frame(result.camera)

    def publish_truth(self, message: String) -> None:
        """Send sim/truth."""
        self._send("truth", message)

    def publish_belt(self, odom: OdomSample) -> None:
        """Send sim/belt_marker."""
        self._send("belt", belt_marker(odom.stamp_s, odom.pose))

    def destroy(self) -> None:
        """Take the topics back."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def _publish_frame(self, frame: CameraSample) -> None:
        info, colour, depth = messages.camera_messages(frame)
        self._send("info", info)
        self._send("colour", colour)
        self._send("depth", depth)

    def _send(self, name: str, message: Any) -> None:
        self._publishers[name].publish(message)
