"""online_trainer as a process: a stream and labels in, rising versions and a falling error out."""

import time
from array import array

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, TwistStamped
from ros_probe import ros_probe
from sensor_drivers import SimulatedClock, unchanged
from sensor_msgs.msg import JointState
from synthetic_belt import SPEC, belt, write_fitted_model

from liquid_adapt_ros.msg import AdaptationStatus, FusedState, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.weight_store import WeightRejected, WeightStore

NODE = "online_trainer"
# The simulated clock runs this much faster than the real one.
PACE = 2.5
# Importing torch takes long on a busy machine.
START_TIMEOUT_S = 90.0
SHIFT_AFTER_S = 5.0
PLAN_PERIOD_NS = 50_000_000
READOUT = frozenset({"readout.weight", "readout.bias"})


@pytest.fixture
def probe(ros_domain):
    with ros_probe() as probe:
        yield probe


class Robot:
    """Everything around the trainer: stream, detector, planner, and inference with its rules.

    Each `alter_*` is called with the message before it is published and returns it, changed as
    the test likes, or None to keep it back.
    """

    def __init__(self, probe, model):
        self.alter_fused = self.alter_action = self.alter_pose = unchanged
        self.clock = SimulatedClock(probe)
        self.store = WeightStore(SPEC, model.fingerprint, model.params)
        self.updates, self.rejected = [], []
        self.statuses = probe.record(AdaptationStatus, "adaptation_status", qos.REPORT)
        self._probe, self._model = probe, model
        self._policy = StreamingPolicy(SPEC, model.params, model.norm)
        self._belt = belt(600.0, seed=5, shift_from_s=SHIFT_AFTER_S)
        self._start_ns = self.clock.now_ns + 10_000_000
        publish = probe.create_publisher
        self._fused = publish(FusedState, "fused_state", qos.FUSED_STATE)
        self._actions = publish(PolicyAction, "policy_action", qos.POLICY_ACTION)
        self._poses = publish(PoseStamped, "object_pose", qos.OBJECT_POSE)
        self._joint_commands = publish(JointState, "planner/joint_command", qos.PLANNER)
        self._base_commands = publish(TwistStamped, "planner/cmd_vel", qos.PLANNER)
        probe.create_subscription(
            WeightUpdate, "weight_update", self._on_update, qos.WEIGHT_UPDATE
        )

    @property
    def status(self):
        return self.statuses[-1]

    def run(self, seconds):
        """Let simulated time pass."""
        for _ in range(round(seconds * 100)):
            ends = time.monotonic() + 0.01 / PACE
            self._tick()
            self._probe.spin_for(max(0.0, ends - time.monotonic()))

    def run_until_update(self):
        """Let time pass until the next update has come."""
        known = len(self.updates)
        for _ in range(1000):
            self.run(0.01)
            if len(self.updates) > known:
                return
        pytest.fail(f"no update in 10 s: {self.status}")

    def take_back_weights(self):
        """As lnn_inference does on command: the shipped weights fly again."""
        while self.store.rollback().version:
            pass
        self._policy.swap(self.store.current.params)

    def _tick(self):
        now_ns = self.clock.advance()
        tick = next(self._belt)
        fused = FusedState(fingerprint=self._model.fingerprint, usable_for_learning=True)
        fused.features = array("f", tick.features.tobytes())
        set_stamp(fused.header.stamp, now_ns)
        self._send(self._fused, self.alter_fused(fused))
        said = self._policy.step(tick.features, SPEC.step_s)
        action = PolicyAction(horizon_s=SPEC.horizon_s, weight_version=self.store.current.version)
        set_stamp(action.header.stamp, now_ns)
        point = action.predicted_position
        point.x, point.y, point.z = said.position.tolist()
        self._send(self._actions, self.alter_action(action))
        if now_ns % PLAN_PERIOD_NS == 0:
            self._plan(now_ns)
        if tick.detection is not None:
            stamp_ns, position = tick.detection
            self._detect(self._start_ns + stamp_ns, position)

    def _plan(self, now_ns):
        """A planner that wants to stand still."""
        command = JointState(name=[*SPEC.joint_names, "gripper"], velocity=[0.0] * 7)
        command.position = [float("nan")] * 6 + [0.0]
        twist = TwistStamped()
        for message, publisher in (
            (command, self._joint_commands),
            (twist, self._base_commands),
        ):
            set_stamp(message.header.stamp, now_ns)
            publisher.publish(message)

    def _detect(self, stamp_ns, position):
        pose = PoseStamped()
        pose.header.frame_id = "base_link"
        set_stamp(pose.header.stamp, stamp_ns)
        point = pose.pose.position
        point.x, point.y, point.z = position.tolist()
        self._send(self._poses, self.alter_pose(pose))

    def _send(self, publisher, message):
        if message is not None:
            publisher.publish(message)

    def _on_update(self, update):
        try:
            params = self.store.accept(update).params
        except WeightRejected as rejection:
            self.rejected.append((update, rejection))
            return
        self.updates.append(update)
        self._policy.swap(params)


@pytest.fixture
def fitted(tmp_path):
    return write_fitted_model(tmp_path)


@pytest.fixture
def start(probe, fitted, start_node):
    """start() runs the trainer on the fitted model and returns it once it listens."""

    def start_trainer():
        node = start_node(NODE, {"use_sim_time": True, "model_file": str(fitted[0])})
        assert probe.spin_until(
            lambda: probe.count_subscribers("object_pose") > 0, START_TIMEOUT_S
        ), node.output()
        probe.spin_for(0.5)
        return node

    return start_trainer


@pytest.fixture
def robot(probe, fitted):
    return Robot(probe, fitted[1])


def assert_learns(robot, within_s):
    updates = robot.status.updates
    for _ in range(round(10 * within_s)):
        robot.run(0.1)
        if robot.status.updates > updates and robot.status.learning:
            assert robot.status.reason == ""
            return
    pytest.fail(f"nothing was learned in {within_s} s: {robot.status}")


def test_error_falls_after_a_change_and_a_restarted_trainer_goes_on(probe, robot, start):
    trainer = start()
    robot.run(SHIFT_AFTER_S)
    before = robot.status
    robot.run(18.0)
    after = robot.status
    assert after.frozen_rmse_m > 3.0 * before.frozen_rmse_m
    assert after.gain_percent > 50.0
    assert after.gain_percent == pytest.approx(
        100.0 * (1.0 - after.adapted_rmse_m / after.frozen_rmse_m), abs=1e-3
    )
    assert after.scored_samples > 200
    assert after.score_span_s == pytest.approx(5.0, abs=0.3)
    assert 0.0 < after.step_time_s < 0.5
    assert 0.0 <= after.anchor_weight < 0.9
    assert after.labels > 1000
    assert after.governor in ("nominal", "throttled_cpu")
    versions = [update.version for update in robot.updates]
    assert versions == list(range(1, len(versions) + 1))
    assert [update.base_version for update in robot.updates] == [0, *versions[:-1]]
    assert after.updates > 100
    assert after.weight_version in versions[-30:]  # some have come after the status
    by_size = {frozenset(update.tensor_names) for update in robot.updates}
    assert by_size == {READOUT, frozenset(SPEC.shapes())}

    assert trainer.stop() == 0
    robot.run(1.0)
    start()
    robot.run(4.0)
    later = [update.version for update in robot.updates][len(versions) :]
    assert later[0] == versions[-1] + 1
    assert robot.updates[len(versions)].base_version == 0
    assert_learns(robot, within_s=10.0)
    assert robot.status.rolled_back == 0


def test_bad_input_is_dropped_named_and_outlived(probe, robot, start):
    start()
    robot.run(3.0)

    def not_finite(pose):
        pose.pose.position.y = float("nan")
        return pose

    def elsewhere(pose):
        pose.header.frame_id = "map"
        return pose

    def another_model(fused):
        fused.fingerprint = "another"
        return fused

    def too_short(fused):
        fused.features = fused.features[:-1]
        return fused

    def far_ahead(action):
        action.horizon_s = 1.0
        return action

    faults = {
        "alter_pose": {not_finite: "finite", elsewhere: "'map'"},
        "alter_fused": {another_model: "'another'", too_short: "features"},
        "alter_action": {far_ahead: "horizon"},
    }
    for alter, altered in faults.items():
        for fault, named in altered.items():
            setattr(robot, alter, fault)
            robot.run(0.3)
            setattr(robot, alter, unchanged)
            assert probe.spin_until(lambda named=named: named in probe.message(NODE)), named
    for topic in ("object_pose", "fused_state", "policy_action"):
        assert int(probe.value(NODE, f"{topic} refused")) > 0

    def unusable(fused):
        fused.usable_for_learning = False
        return fused

    robot.alter_fused = unusable
    robot.run(3.0)
    updates = robot.status.updates
    robot.run(1.5)
    assert robot.status.updates == updates
    assert not robot.status.learning
    assert "label" in robot.status.reason
    robot.alter_fused = unchanged
    assert_learns(robot, within_s=10.0)


def test_learning_starts_again_when_the_robot_takes_the_weights_back(probe, robot, start, fitted):
    start()
    robot.run(SHIFT_AFTER_S + 6.0)
    drifted = distance(robot, fitted[1])
    robot.take_back_weights()
    robot.run_until_update()
    first = robot.updates[-1]
    assert first.base_version == 0 and set(first.tensor_names) == set(SPEC.shapes())
    assert distance(robot, fitted[1]) < 0.5 * drifted
    assert len(robot.rejected) <= 1  # what was on its way when the weights were taken back
    assert_learns(robot, within_s=10.0)
    assert robot.status.rolled_back == 1


def distance(robot, model):
    """How far what the robot runs is from the shipped weights."""
    params = robot.store.current.params
    return sum(np.abs(params[name] - model.params[name]).sum() for name in params)


def test_clock_that_is_set_back_is_followed(robot, start):
    start()
    robot.run(4.0)
    robot.clock.now_ns -= 30_000_000_000
    robot._start_ns -= 30_000_000_000
    assert_learns(robot, within_s=10.0)
