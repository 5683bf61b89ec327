"""What lnn_inference listens to, as tests send it, and what it commands, as a robot sees it."""

import hashlib
from array import array

import numpy as np
from geometry_msgs.msg import TwistStamped
from ros_probe import Probe
from sensor_drivers import PERIOD_S, SimulatedClock, unchanged
from std_msgs.msg import Float64MultiArray
from tiny_model import TinyModel

from liquid_adapt_ros.msg import FusedState, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns
from liquid_adapt_ros.weights.codec import encode

ACCELERATION = 2.0
# Of lnn_inference, where a test has no others.
PARAMETERS = {
    "use_sim_time": True,
    # The machine that runs the tests may be busy; simulated time is what counts here.
    "input_timeout_real_s": 5.0,
    "joint_max_acceleration_rad_s2": [ACCELERATION] * 6,
}


class Observations:
    """Publishes a FusedState and the clock every 10 ms; `alter` may change it or keep it back."""

    def __init__(self, probe: Probe, model: TinyModel) -> None:
        self.clock = SimulatedClock(probe)
        self.alter = unchanged
        self.sent = {}
        self._rng = np.random.default_rng(0)
        self._model = model
        self._publisher = probe.create_publisher(FusedState, "fused_state", qos.FUSED_STATE)
        self.timer = probe.create_timer(PERIOD_S, self._tick)

    def _tick(self):
        now_ns = self.clock.advance()
        features = self._rng.standard_normal(self._model.spec.features).astype(np.float32)
        message = FusedState(fingerprint=self._model.fingerprint)
        message.features = array("f", features.tobytes())
        message.camera_valid = message.imu_valid = message.joint_valid = True
        message.usable_for_learning = True
        set_stamp(message.header.stamp, now_ns)
        message = self.alter(message)
        if message is not None:
            self.sent[stamp_ns(message.header.stamp)] = np.array(message.features)
            self._publisher.publish(message)


def weight_update(
    model: TinyModel, version: int, base_version: int = 0, **tensors: np.ndarray
) -> WeightUpdate:
    """These tensors, or all that the model has, as a new version."""
    payload = encode(tensors or model.params)
    update = WeightUpdate(
        version=version,
        base_version=base_version,
        fingerprint=model.fingerprint,
        tensor_names=list(tensors or model.params),
        sha256=hashlib.sha256(payload).hexdigest(),
    )
    update.payload = array("B", payload)
    return update


class Robot:
    """What the node commands, as the controllers and a recorder see it."""

    def __init__(self, probe, node, observations):
        self.node, self.observations = node, observations
        self.actions = probe.record(PolicyAction, "policy_action", qos.POLICY_ACTION_WINDOW)
        self.arm = probe.record(
            Float64MultiArray, "joint_velocity_controller/commands", qos.REPORT
        )
        self.base = probe.record(TwistStamped, "cmd_vel", qos.REPORT)
        self.gripper = probe.record(Float64MultiArray, "gripper_controller/commands", qos.REPORT)

    def is_moving(self):
        return bool(self.actions) and not self.actions[-1].safe_stop

    def is_stopping(self):
        return bool(self.actions) and self.actions[-1].safe_stop

    def is_at_rest(self):
        return bool(self.actions) and not np.any(self.actions[-1].joint_velocities)

    def moves_at_full_speed(self):
        return self.is_moving() and np.mean(self.actions[-1].joint_velocities) > 0.3

    def forget(self):
        for messages in (self.actions, self.arm, self.base, self.gripper):
            del messages[:]


def assert_smooth(actions, acceleration):
    """Joint velocities change by no more than the acceleration limit [rad/s^2] allows."""
    velocities = np.array([action.joint_velocities for action in actions])
    times_s = np.array([stamp_ns(action.header.stamp) for action in actions]) / 1e9
    # A stamp may be one period older than the moment at which the command was made.
    allowed = acceleration * (np.diff(times_s) + PERIOD_S) + 1e-9
    assert (np.abs(np.diff(velocities, axis=0)) <= allowed[:, None]).all()
