"""Weight updates on their way to lnn_inference: their versions and what may be left out."""

import hashlib
from array import array
from collections.abc import Mapping

import numpy as np
from rclpy.publisher import Publisher
from rclpy.time import Time

from liquid_adapt_ros.adaptation.weight_line import WeightLine
from liquid_adapt_ros.msg import WeightUpdate
from liquid_adapt_ros.weights.codec import encode

Params = Mapping[str, np.ndarray]


class UpdateSender:
    """Publishes updates of one model, each of which builds on the one before.

    Args:
        publisher: of weight_update.
        fingerprint: of the model.
        patience_s: see WeightLine.
        sends_all: whether the first update must hold all tensors, because what was learned
            before lies behind it.
    """

    def __init__(
        self, publisher: Publisher, fingerprint: str, patience_s: float, sends_all: bool
    ) -> None:
        self._publisher = publisher
        self._fingerprint = fingerprint
        self.line = WeightLine(patience_s)
        self._held_version = 0
        self._sends_all = sends_all

    @property
    def held_version(self) -> int:
        """The version sent last; 0 before the first."""
        return self._held_version

    @property
    def is_ready(self) -> bool:
        """Whether the receiver runs what was sent last, so that the next update can be sent."""
        return self.line.flying is not None and not self.line.is_awaited

    def start_over(self) -> None:
        """The receiver runs other weights than those sent: the next update holds all tensors."""
        self.line.give_up()
        self._held_version = 0
        self._sends_all = True

    def send(self, tensors: Params, everything: Params, gain_percent: float, stamp: Time) -> int:
        """Publish the tensors, or everything where the receiver's weights are not known.

        Returns the version.
        """
        if self._sends_all or self.line.flying != self._held_version:
            tensors = everything
        payload = encode(tensors)
        update = WeightUpdate(
            base_version=self._held_version,
            version=self.line.publish(),
            fingerprint=self._fingerprint,
            tensor_names=list(tensors),
            payload=array("B", payload),
            sha256=hashlib.sha256(payload).hexdigest(),
            expected_gain_percent=gain_percent,
        )
        update.header.stamp = stamp.to_msg()
        self._publisher.publish(update)
        self._held_version, self._sends_all = update.version, False
        return update.version
