"""What surrounds online_trainer on a robot, for its tests."""

import time
from array import array

import pytest
from geometry_msgs.msg import PoseStamped, TwistStamped
from sensor_drivers import SimulatedClock, unchanged
from sensor_msgs.msg import JointState
from synthetic_belt import SPEC, belt

from liquid_adapt_ros.msg import AdaptationStatus, FusedState, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.weight_store import WeightRejected, WeightStore

# The simulated clock runs this much faster than the real one.
PACE = 2.5
SHIFT_AFTER_S = 5.0
PLAN_PERIOD_NS = 50_000_000
# Importing torch takes long on a busy machine.
START_TIMEOUT_S = 90.0


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
        ends = time.monotonic() + START_TIMEOUT_S  # the trainer may just be starting
        while time.monotonic() < ends:
            self.run(0.01)
            if len(self.updates) > known:
                return
        pytest.fail(f"no update in {START_TIMEOUT_S} s: {self.status}")

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
