"""conveyor_sim as a process, seen only through its messages, parameters and diagnostics."""

import json
import math

import pytest
from geometry_msgs.msg import PoseStamped, TwistStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.subscription import Subscription
from ros_probe import Probe
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, Imu, JointState
from std_msgs.msg import Float64MultiArray, String

from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.sim_publishers import TOPICS
from liquid_adapt_ros.nodes.stamps import stamp_ns

TICK_NS = 10_000_000
DEEP = qos.FUSED_STATE_WINDOW
TIMEOUT_S = 20.0


@pytest.fixture
def truths(probe):
    return Truths(probe)


class Truths:
    """What arrives on sim/truth, decoded."""

    def __init__(self, probe: Probe) -> None:
        self._messages = probe.record(String, "sim/truth", qos.REPORT)

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: int) -> dict:
        return json.loads(self._messages[index].data)


def first_messages(probe, start_node, seed, streams):
    """The first second of each stream."""
    received = {topic: probe.record(kind, topic, DEEP) for topic, kind in streams.items()}
    node = start_node("conveyor_sim", {"seed": seed, "autostart": False})
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert probe.call(ChangeState, "/conveyor_sim/change_state", request).success
        assert probe.spin_until(lambda: all(map(probe.count_publishers, streams)), TIMEOUT_S)
        probe.spin_for(0.5)  # until the simulator knows its listeners, too
    enough = probe.spin_until(lambda: len(received["joint_states"]) >= 100, TIMEOUT_S)
    node.stop()
    assert enough
    return {topic: list(messages) for topic, messages in received.items()}


def by_stamp(messages, value):
    return {stamp_ns(message.header.stamp): value(message) for message in messages}


def test_streams_keep_their_rates_in_simulated_time(probe, start_node):
    joints = probe.record(JointState, "joint_states", DEEP)
    imu = probe.record(Imu, "imu/data", DEEP)
    colour = probe.record(Image, "camera/color/image_raw", DEEP)
    start_node("conveyor_sim")
    assert probe.spin_until(lambda: len(joints) >= 250, TIMEOUT_S)
    joint_stamps = [stamp_ns(message.header.stamp) for message in joints]
    steps = {b - a for a, b in zip(joint_stamps, joint_stamps[1:], strict=False)}
    assert steps <= {TICK_NS, 2 * TICK_NS}  # best effort: one may be lost
    span_s = (joint_stamps[-1] - joint_stamps[0]) / 1e9
    assert len(imu) == pytest.approx(200 * span_s, rel=0.1)
    assert len(colour) == pytest.approx(30 * span_s, rel=0.15)
    assert [stamp_ns(message.header.stamp) for message in imu] == sorted(
        {stamp_ns(message.header.stamp) for message in imu}
    )
    assert all(probe.count_publishers(name) for _, name, _ in TOPICS.values())
    assert joints[0].name[0] == "shoulder_pan_joint"
    assert (colour[0].encoding, colour[0].width, colour[0].height) == ("rgb8", 128, 96)


@pytest.mark.skipif(
    not hasattr(Subscription, "CallbackType"), reason="this rclpy does not tell when it was sent"
)
def test_no_stamp_is_sent_before_the_clock_has_reached_it(probe, start_node):
    sent_at = {"clock": {}, "joints": {}}

    def on_clock(message: Clock, info: dict) -> None:
        sent_at["clock"][stamp_ns(message.clock)] = info["source_timestamp"]

    def on_joints(message: JointState, info: dict) -> None:
        sent_at["joints"][stamp_ns(message.header.stamp)] = info["source_timestamp"]

    subscriptions = (
        probe.create_subscription(Clock, "/clock", on_clock, DEEP),
        probe.create_subscription(JointState, "joint_states", on_joints, DEEP),
    )
    start_node("conveyor_sim")
    assert probe.spin_until(lambda: len(sent_at["joints"]) >= 100, TIMEOUT_S)
    for subscription in subscriptions:
        probe.destroy_subscription(subscription)
    both = sent_at["clock"].keys() & sent_at["joints"].keys()
    assert len(both) >= 80
    assert all(sent_at["clock"][stamp] <= sent_at["joints"][stamp] for stamp in both)


def test_the_first_messages_are_those_of_the_seed(probe, start_node):
    streams = {"joint_states": JointState, "imu/data": Imu, "object_pose": PoseStamped}
    first, again, other = (first_messages(probe, start_node, seed, streams) for seed in (7, 7, 8))
    for topic, value in (
        ("joint_states", lambda m: (*m.position, *m.velocity)),
        ("imu/data", lambda m: (m.linear_acceleration.x, m.angular_velocity.z)),
        ("object_pose", lambda m: (m.pose.position.x, m.pose.position.y)),
    ):
        values = [by_stamp(received[topic], value) for received in (first, again, other)]
        common = values[0].keys() & values[1].keys()
        assert min(values[0]) == min(values[1]) <= 60_000_000, topic
        assert len(common) >= 0.8 * len(values[0]), topic
        assert all(values[0][stamp] == values[1][stamp] for stamp in common), topic
        shared = values[0].keys() & values[2].keys()
        assert any(values[0][stamp] != values[2][stamp] for stamp in shared), topic


def test_a_disturbance_takes_effect_while_the_simulator_runs(probe, start_node, truths):
    belt = {"belt.profile": "constant", "belt.speed_m_s": 0.15}
    start_node("conveyor_sim", belt)
    assert probe.spin_until(lambda: len(truths) >= 3, TIMEOUT_S)
    assert truths[-1]["belt_speed_m_s"] == pytest.approx(0.15)
    assert probe.set_parameters("conveyor_sim", {"disturbance.belt_speed_scale": 1.6}).successful
    assert probe.spin_until(lambda: truths[-1]["belt_speed_m_s"] == pytest.approx(0.24), TIMEOUT_S)


def test_a_disturbance_out_of_range_is_refused_by_name(probe, start_node):
    start_node("conveyor_sim")
    result = probe.set_parameters("conveyor_sim", {"disturbance.belt_speed_scale": 50.0})
    assert not result.successful
    assert "disturbance.belt_speed_scale" in result.reason


def test_a_scenario_sets_the_disturbance_parameters_when_their_time_comes(
    probe, start_node, truths, tmp_path
):
    scenario = tmp_path / "faster.yaml"
    scenario.write_text("name: faster\nchanges: [{at_s: 0.5, set: {belt_speed_scale: 2.0}}]\n")
    start_node("conveyor_sim", {"scenario": scenario})
    assert probe.spin_until(lambda: truths and truths[-1]["time_s"] > 1.0, TIMEOUT_S)
    names = ["disturbance.belt_speed_scale", "disturbance.depth_scale"]
    assert probe.parameters("conveyor_sim", names) == [2.0, 1.0]


def test_a_wrong_scenario_ends_the_process_and_says_why(start_node, tmp_path):
    scenario = tmp_path / "wrong.yaml"
    scenario.write_text("name: wrong\nchanges: [{at_s: 1.0, set: {belt_sped_scale: 2.0}}]\n")
    node = start_node("conveyor_sim", {"scenario": scenario})
    assert node.wait() == 1
    assert "did you mean 'belt_speed_scale'?" in node.output()


class Policy:
    """Sends what the planner wants on the topics that the robot obeys."""

    def __init__(self, probe: Probe) -> None:
        make = probe.create_publisher
        self._velocities = make(
            Float64MultiArray, "joint_velocity_controller/commands", qos.COMMAND
        )
        self._twist = make(TwistStamped, "cmd_vel", qos.COMMAND)
        self._gripper = make(Float64MultiArray, "gripper_controller/commands", qos.COMMAND)
        self.follows = False
        probe.create_subscription(
            JointState, "planner/joint_command", self._on_planner, qos.PLANNER
        )

    def send(self, velocities) -> None:
        self._velocities.publish(Float64MultiArray(data=velocities))
        self._twist.publish(TwistStamped())
        self._gripper.publish(Float64MultiArray(data=[0.0]))

    def _on_planner(self, message: JointState) -> None:
        if self.follows:
            self.send(list(message.velocity)[:6])


def test_the_robot_obeys_fresh_sound_commands_and_refuses_the_rest(probe, start_node, truths):
    policy = Policy(probe)
    start_node("conveyor_sim")
    assert probe.spin_until(lambda: len(truths) >= 1, TIMEOUT_S)
    assert probe.spin_until(
        lambda: probe.count_subscribers("joint_velocity_controller/commands"), TIMEOUT_S
    )
    policy.send([math.nan] * 6)
    assert probe.spin_until(
        lambda: int(probe.value("conveyor_sim", "command refused")) >= 1, TIMEOUT_S
    )
    policy.send([0.0] * 7)
    assert probe.spin_until(
        lambda: int(probe.value("conveyor_sim", "command refused")) >= 2, TIMEOUT_S
    )
    assert truths[-1]["driver"] == "planner"
    policy.follows = True
    assert probe.spin_until(lambda: truths[-1]["driver"] == "policy", TIMEOUT_S)
    policy.follows = False
    assert probe.spin_until(lambda: truths[-1]["driver"] == "planner", TIMEOUT_S)
