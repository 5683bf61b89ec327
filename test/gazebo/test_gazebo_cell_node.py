"""gazebo_cell as a process; the test plays Gazebo and sends the poses that the bridge would."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from fake_command_line import FakeCommandLine
from geometry_msgs.msg import PoseStamped
from ros_probe import ros_probe
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, Float64, Float64MultiArray
from visualization_msgs.msg import Marker

from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.belt_marker import BELT_MARKER_TOPIC
from liquid_adapt_ros.nodes.gazebo_cell import BELT_SPEED_TOPIC, ROBOT_POSE_TOPIC, object_topic
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim import mjcf, ur5e
from liquid_adapt_ros.sim.config import ArmConfig
from liquid_adapt_ros.sim.gazebo_cell import lip_position
from liquid_adapt_ros.sim.gazebo_truth import load_objects

OBJECTS = load_objects(share_folder() / "worlds" / "objects.yaml")
WAITING = ArmConfig().start_rad
BELT_SPEED_M_S = 0.2
ROBOT_X_M = 0.1
PERIOD_NS = 20_000_000
TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def probe():
    with ros_probe() as probe:
        yield probe


class Gazebo:
    """Publishes the poses of robot and objects, and the joints, in simulated time of its own."""

    def __init__(self, probe, command_line):
        self._probe = probe
        self.command_line = command_line
        topics = [ROBOT_POSE_TOPIC, *(object_topic(item.name, "pose") for item in OBJECTS)]
        self._poses = {
            topic: probe.create_publisher(PoseStamped, topic, qos.GROUND_TRUTH) for topic in topics
        }
        self._joints = probe.create_publisher(JointState, "joint_states", qos.SENSOR)
        self.gripper = probe.create_publisher(
            Float64MultiArray, "gripper_controller/commands", qos.COMMAND
        )
        self.now_ns = 5_000_000_000
        self.moving = {}  # name: place (3,) at the start of time
        self.still = {}  # name: place (3,)

    def place_of(self, index, at_ns):
        name = OBJECTS[index].name
        if name in self.still:
            return self.still[name]
        if name in self.moving:
            return self.moving[name] + (BELT_SPEED_M_S * (at_ns - 5_000_000_000) * 1e-9, 0.0, 0.0)
        return np.array((0.3 * index, -2.0, 0.03))

    def step(self):
        """20 ms of Gazebo, and a moment for the node to answer."""
        self.now_ns += PERIOD_NS
        self._send(ROBOT_POSE_TOPIC, (ROBOT_X_M, 0.0, 0.0), self.now_ns)
        for index, item in enumerate(OBJECTS):
            # Each model has its own phase, as in Gazebo.
            stamp = self.now_ns - 2_500_000 * (index % 4)
            self._send(object_topic(item.name, "pose"), self.place_of(index, stamp), stamp)
        joints = JointState(name=ur5e.JOINT_NAMES, position=list(WAITING))
        self._joints.publish(joints)
        self._probe.spin_for(0.005)

    def run_until(self, condition):
        """Let Gazebo run until `condition()`; fails the test if that takes too long."""
        for _ in range(2000):
            if condition():
                return
            self.step()
        pytest.fail("it did not become so in 40 s of simulated time")

    def _send(self, topic, position, at_ns):
        message = PoseStamped()
        set_stamp(message.header.stamp, at_ns)
        message.header.frame_id = "conveyor"
        point = message.pose.position
        point.x, point.y, point.z = (float(value) for value in position)
        self._poses[topic].publish(message)


@pytest.fixture
def gazebo(probe, start_node, tmp_path, monkeypatch):
    """A Gazebo whose topics gazebo_cell has found; object 4 is on the belt."""
    command_line = FakeCommandLine(tmp_path, "ign")
    monkeypatch.setenv("PATH", command_line.path)
    gazebo = Gazebo(probe, command_line)
    height = OBJECTS[4].half_height_m
    gazebo.moving["object_4"] = np.array((-0.4, mjcf.BELT_Y_M + 0.02, mjcf.BELT_TOP_Z_M + height))
    start_node(
        "gazebo_cell",
        {
            "simulator": "fortress",
            "belt.speed_m_s": BELT_SPEED_M_S,
            "detector.sigma_m": 0.0,
            "detector.rate_hz": 20.0,
            "detector.latency_s": 0.05,
        },
    )
    assert probe.spin_until(
        lambda: all(map(probe.count_subscribers, [*gazebo._poses, "joint_states"])), TIMEOUT_S
    )
    return gazebo


def test_the_target_is_observed_from_the_ground_truth(probe, gazebo):
    observed = probe.record(PoseStamped, "object_pose", qos.OBJECT_POSE)
    assert probe.spin_until(lambda: probe.count_publishers("object_pose"), TIMEOUT_S)
    gazebo.run_until(lambda: len(observed) >= 20)
    stamps = np.array([stamp_ns(message.header.stamp) for message in observed])
    assert set(np.diff(stamps)[1:]) == {50_000_000}  # the very first instant is no multiple
    for message, stamp in zip(observed, stamps, strict=True):
        assert message.header.frame_id == "base_link"
        point = message.pose.position
        expected = gazebo.place_of(4, stamp) - (ROBOT_X_M, 0.0, 0.0)
        np.testing.assert_allclose((point.x, point.y, point.z), expected, atol=1e-6)


def test_the_detector_changes_while_it_runs(probe, gazebo):
    observed = probe.record(PoseStamped, "object_pose", qos.OBJECT_POSE)
    assert probe.spin_until(lambda: probe.count_publishers("object_pose"), TIMEOUT_S)
    gazebo.run_until(lambda: len(observed) >= 5)
    refused = probe.set_parameters(
        "gazebo_cell", {"detector.rate_hz": 10.0, "detector.sigma_m": 5.0}
    )
    assert not refused.successful and "detector.sigma_m" in refused.reason
    known = len(observed)
    gazebo.run_until(lambda: len(observed) >= known + 5)
    assert probe.set_parameters("gazebo_cell", {"detector.rate_hz": 10.0}).successful
    changed = len(observed)
    gazebo.run_until(lambda: len(observed) >= changed + 8)
    stamps = np.array([stamp_ns(message.header.stamp) for message in observed])
    assert set(np.diff(stamps[known:changed])) == {50_000_000}
    assert set(np.diff(stamps[-5:])) == {100_000_000}


def test_the_belt_runs_at_the_speed_of_its_profile_and_of_the_disturbance(probe, gazebo):
    speeds = probe.record(Float64, BELT_SPEED_TOPIC, qos.COMMAND)
    assert probe.spin_until(lambda: probe.count_publishers(BELT_SPEED_TOPIC), TIMEOUT_S)
    gazebo.run_until(lambda: speeds and speeds[-1].data == pytest.approx(BELT_SPEED_M_S))
    assert probe.set_parameters("gazebo_cell", {"disturbance.belt_speed_scale": 1.5}).successful
    gazebo.run_until(lambda: speeds[-1].data == pytest.approx(1.5 * BELT_SPEED_M_S))


def test_the_belt_is_drawn_where_the_robot_sees_it(probe, gazebo):
    markers = probe.record(Marker, BELT_MARKER_TOPIC, qos.REPORT)
    assert probe.spin_until(lambda: probe.count_publishers(BELT_MARKER_TOPIC), TIMEOUT_S)
    gazebo.run_until(lambda: markers)
    assert markers[0].header.frame_id == "base_link"
    assert markers[0].pose.position.x == pytest.approx(0.5 * sum(mjcf.BELT_X_M) - ROBOT_X_M)


def test_objects_are_put_on_the_belt_through_gazebos_service(probe, gazebo):
    gazebo.run_until(lambda: gazebo.command_line.calls)
    request = gazebo.command_line.calls[0][-1]
    assert request.startswith('name: "object_')
    assert '"object_4"' not in request
    assert "x: -1.150000" in request


def test_suction_takes_hold_of_the_object_at_the_lip_and_lets_go(probe, gazebo):
    attached = probe.record(Empty, object_topic("object_2", "attach"), qos.COMMAND)
    detached = probe.record(Empty, object_topic("object_2", "detach"), qos.COMMAND)
    others = probe.record(Empty, object_topic("object_3", "attach"), qos.COMMAND)
    lip = lip_position(np.array(WAITING)) + (ROBOT_X_M, 0.0, 0.0)
    gazebo.still["object_2"] = lip - (0.0, 0.0, OBJECTS[2].half_height_m)
    assert probe.spin_until(
        lambda: probe.count_publishers(object_topic("object_2", "detach")), TIMEOUT_S
    )
    gazebo.run_until(lambda: detached)  # as Gazebo makes the joints closed
    gazebo.gripper.publish(Float64MultiArray(data=[1.0]))
    gazebo.run_until(lambda: attached)
    before = len(detached)
    gazebo.gripper.publish(Float64MultiArray(data=[0.0]))
    gazebo.run_until(lambda: len(detached) > before)
    assert len(attached) == 1
    assert not others


def test_what_is_not_a_pose_or_a_command_is_refused_and_counted(probe, gazebo):
    gazebo.still["object_5"] = np.array((math.nan, 0.0, 0.0))
    gazebo.gripper.publish(Float64MultiArray(data=[1.0, 1.0]))
    gazebo.run_until(
        lambda: (
            int(probe.value("gazebo_cell", "pose refused")) > 0
            and int(probe.value("gazebo_cell", "gripper command refused")) > 0
        )
    )


def test_a_gazebo_that_is_not_installed_ends_the_process_and_is_named(start_node, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    node = start_node("gazebo_cell", {"simulator": "harmonic"})
    assert node.wait() == 1
    assert "'gz' is not on the PATH" in node.output()
