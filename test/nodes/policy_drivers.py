"""What lnn_inference listens to, as tests send it: observations and weights."""

import hashlib
from array import array

import numpy as np
from ros_probe import Probe
from sensor_drivers import PERIOD_S, SimulatedClock, unchanged
from tiny_model import TinyModel

from liquid_adapt_ros.msg import FusedState, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns
from liquid_adapt_ros.weights.codec import encode


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
