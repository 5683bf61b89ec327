"""The node that listens: it appends what arrives to a Recording and does nothing else.

It shares two cores with the stack, so that it subscribes only to what the report needs and leaves
every calculation for after the run.
"""

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from liquid_adapt_ros.msg import AdaptationStatus, FusedState, PolicyAction
from liquid_adapt_ros.tools.demo.recording import (
    NANOSECONDS,
    Action,
    Detection,
    FusedSample,
    JointStateArrival,
    Recording,
    TrainerStatus,
)

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE

# Best effort takes from reliable publishers too; 2 s of the 100 Hz streams may queue up.
_STREAM = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
_REPORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
_TOPIC_OF_EACH_NODE = ("joint_states", "fused_state", "policy_action", "adaptation_status")


class Recorder:
    """A node of its own context in `domain`; `recording` grows while `spin` runs."""

    def __init__(self, domain: int):
        self.recording = Recording()
        self._context = Context()
        rclpy.init(
            context=self._context,
            domain_id=domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self._node = Node("demo_recorder", context=self._context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        for kind, topic, take, quality in (
            (JointState, "joint_states", _with_arrival(self._take_joint_state), _STREAM),
            (FusedState, "fused_state", _with_arrival(self._take_fused_state), _STREAM),
            (PolicyAction, "policy_action", _with_arrival(self._take_action), _STREAM),
            (PoseStamped, "object_pose", self._take_detection, _REPORT),
            (AdaptationStatus, "adaptation_status", self._take_status, _REPORT),
            (String, "sim/truth", self._take_truth, _REPORT),
        ):
            self._node.create_subscription(kind, topic, take, quality)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def spin(self, duration_s: float) -> None:
        """Take messages for this long."""
        deadline = time.monotonic() + duration_s
        while (remaining_s := deadline - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=remaining_s)

    def hears_every_node(self) -> bool:
        """Whether each node is configured: the publisher of a topic of its own is discovered."""
        return all(map(self._node.count_publishers, _TOPIC_OF_EACH_NODE))

    def lifecycle_of(self, node_name: str) -> "LifecycleClient":
        """A handle to lead a lifecycle node through its transitions."""
        return LifecycleClient(self._node, node_name)

    def _take_joint_state(self, message: JointState, arrival_ns: int) -> None:
        self.recording.joint_states.append(JointStateArrival(_stamp_ns(message), arrival_ns))

    def _take_fused_state(self, message: FusedState, arrival_ns: int) -> None:
        sample = FusedSample(_stamp_ns(message), arrival_ns, message.features)
        self.recording.fused.append(sample)

    def _take_action(self, message: PolicyAction, arrival_ns: int) -> None:
        position = message.predicted_position
        self.recording.actions.append(
            Action(
                stamp_ns=_stamp_ns(message),
                arrival_ns=arrival_ns,
                predicted_position=(position.x, position.y, position.z),
                horizon_s=message.horizon_s,
                weight_version=message.weight_version,
            )
        )

    def _take_detection(self, message: PoseStamped) -> None:
        position = message.pose.position
        self.recording.detections.append(
            Detection(_stamp_ns(message), (position.x, position.y, position.z))
        )

    def _take_status(self, message: AdaptationStatus) -> None:
        self.recording.status.append(
            TrainerStatus(
                stamp_ns=_stamp_ns(message),
                adapted_rmse_m=message.adapted_rmse_m,
                frozen_rmse_m=message.frozen_rmse_m,
                gain_percent=message.gain_percent,
                weight_version=message.weight_version,
                accepted=message.accepted,
                rejected=message.rejected,
                rolled_back=message.rolled_back,
                reason=message.reason,
            )
        )

    def _take_truth(self, message: String) -> None:
        self.recording.truth.append(json.loads(message.data))


class LifecycleClient:
    """Asks the lifecycle node `node_name` for transitions; `node` must be spinning."""

    def __init__(self, node: Node, node_name: str):
        self._client = node.create_client(ChangeState, f"{node_name}/change_state")

    def is_ready(self) -> bool:
        """Whether the node is there."""
        return self._client.service_is_ready()

    def request(self, transition: int) -> Future:
        """Ask for a transition: CONFIGURE or ACTIVATE."""
        return self._client.call_async(ChangeState.Request(transition=Transition(id=transition)))


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return stamp.sec * NANOSECONDS + stamp.nanosec


def _with_arrival(take: Callable[[Any, int], None]) -> Callable[..., None]:
    """A subscription callback that hands `take` the message and its arrival [ns, system clock].

    rclpy tells when DDS received a message since Iron; on Humble the callback's own time must do.
    """
    if hasattr(Subscription, "CallbackType"):
        return lambda message, info: take(message, info["received_timestamp"])
    return lambda message: take(message, time.time_ns())
