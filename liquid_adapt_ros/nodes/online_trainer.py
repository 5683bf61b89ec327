"""online_trainer: learns from what came of the network's predictions, and sends new weights.

Every period it labels the last seconds with what was observed one horizon later, makes one
training step on them in a thread of its own, and publishes the weights if they fit that window
better. How well the robot's predictions do against those of the shipped weights is reported on
adaptation_status.
"""

import hashlib
import math
import sys
from array import array
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from sensor_msgs.msg import JointState

from liquid_adapt_ros.adaptation.learner import NotReady, OnlineLearner
from liquid_adapt_ros.adaptation.trainer import TrainingStep, WindowTrainer
from liquid_adapt_ros.adaptation.weight_line import WeightLine
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.msg import AdaptationStatus, FusedState, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.diagnostics import WARN
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node
from liquid_adapt_ros.nodes.shipped import model_path
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns
from liquid_adapt_ros.nodes.trainer_parameters import (
    PARAMETERS,
    learner_settings,
    trainer_settings,
)
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.weights.codec import encode

STATUS_PERIOD_S = 0.5
GRIPPER_JOINT = "gripper"


class OnlineTrainer(ManagedNode):
    """The node; see the module's docstring for what it does."""

    def __init__(self) -> None:
        super().__init__("online_trainer", PARAMETERS)
        torch.set_num_threads(1)
        self._configured: list[Any] = []
        self._running: list[Any] = []
        self._pool: ThreadPoolExecutor | None = None
        self._job: Future[TrainingStep] | None = None

    def configure(self) -> None:
        """Load the model; make learner, trainer and publishers."""
        p = self.parameters
        model = load_policy(model_path(p["model_file"]))
        self._shipped, self._fingerprint = model.params, model.fingerprint
        self._arm_joints = JointOrder(model.spec.joint_names)
        self._gripper_joint = JointOrder([GRIPPER_JOINT])
        self._horizon_s = model.spec.horizon_s
        self._learner = OnlineLearner(
            model.spec,
            model.norm,
            adapted=StreamingPolicy(model.spec, model.params, model.norm),
            frozen=StreamingPolicy(model.spec, model.params, model.norm),
            settings=learner_settings(p),
        )
        self._trainer = WindowTrainer(model.spec, model.params, trainer_settings(p))
        self._line = WeightLine(p["weight_patience_s"])
        self._held_version = 0
        self._status = AdaptationStatus(power_w=math.nan, temperature_c=math.nan)
        self._pool = ThreadPoolExecutor(1, "training")
        self._updates = self.create_lifecycle_publisher(
            WeightUpdate, "weight_update", qos.WEIGHT_UPDATE
        )
        self._statuses = self.create_lifecycle_publisher(
            AdaptationStatus, "adaptation_status", qos.REPORT
        )
        self._step_done = self.create_guard_condition(self._on_step_done)
        self.diagnostics.figure("fingerprint", model.fingerprint)

    def activate(self) -> None:
        """Subscribe and start the timers."""
        self._learner.forget()
        self._set_reason("no fused_state yet")
        subscribe = self.create_subscription
        self._running = [
            subscribe(FusedState, "fused_state", self._on_fused, qos.FUSED_STATE_WINDOW),
            subscribe(PolicyAction, "policy_action", self._on_action, qos.POLICY_ACTION_WINDOW),
            subscribe(PoseStamped, "object_pose", self._on_object, qos.OBJECT_POSE),
            subscribe(JointState, "planner/joint_command", self._on_joint_command, qos.PLANNER),
            subscribe(TwistStamped, "planner/cmd_vel", self._on_base_command, qos.PLANNER),
        ]
        self._timers_running = [
            self.create_timer(self.parameters["period_s"], self._on_period),
            self.create_timer(STATUS_PERIOD_S, self._publish_status),
        ]
        self._jump = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_clock_jump,
        )

    def deactivate(self) -> None:
        """Stop listening; a training step under way is finished and its result dropped."""
        if not self._running:
            return
        for subscription in self._running:
            self.destroy_subscription(subscription)
        for timer in self._timers_running:
            self.destroy_timer(timer)
        self._jump.unregister()
        self._running = []
        if self._job is not None:
            self._job.exception()
            self._job = None

    def cleanup(self) -> None:
        """Remove the publishers and end the training thread."""
        if self._pool is None:
            return
        self._pool.shutdown()
        self._pool = None
        self.destroy_guard_condition(self._step_done)
        self.destroy_lifecycle_publisher(self._updates)
        self.destroy_lifecycle_publisher(self._statuses)

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """Learning rates and weights count from the next training step on."""
        if self._pool is not None:
            self._trainer.settings = replace(self._trainer.settings, **changes)

    def _on_fused(self, message: FusedState) -> None:
        if message.fingerprint != self._fingerprint:
            self._refuse("fused_state", f"it is for model {message.fingerprint[:12]!r}")
            return
        stamp = stamp_ns(message.header.stamp)
        self._take(
            "fused_state",
            self._learner.observe_state,
            stamp,
            message.features,
            message.usable_for_learning,
        )

    def _on_action(self, message: PolicyAction) -> None:
        stamp = stamp_ns(message.header.stamp)
        self._line.report(message.weight_version, stamp)
        if message.safe_stop:
            return
        if not math.isclose(message.horizon_s, self._horizon_s, abs_tol=1e-3):
            self._refuse("policy_action", f"its horizon is {message.horizon_s:.3f} s")
            return
        point = message.predicted_position
        position = (point.x, point.y, point.z)
        self._take("policy_action", self._learner.observe_prediction, stamp, position)

    def _on_object(self, message: PoseStamped) -> None:
        frame = message.header.frame_id
        if frame != self.parameters["base_frame"]:
            self._refuse("object_pose", f"it is in frame {frame!r}")
            return
        point = message.pose.position
        position = (point.x, point.y, point.z)
        stamp = stamp_ns(message.header.stamp)
        self._take("object_pose", self._learner.observe_object, stamp, position)

    def _on_joint_command(self, message: JointState) -> None:
        try:
            velocity = self._arm_joints.pick(message.name, message.velocity)
            gripper = math.nan
            if GRIPPER_JOINT in message.name:
                gripper = self._gripper_joint.pick(message.name, message.position)[0]
        except ValueError as error:
            self._refuse("planner/joint_command", str(error))
            return
        self._take(
            "planner/joint_command",
            self._learner.observe_joint_command,
            stamp_ns(message.header.stamp),
            velocity,
            gripper,
        )

    def _on_base_command(self, message: TwistStamped) -> None:
        twist = message.twist
        self._take(
            "planner/cmd_vel",
            self._learner.observe_base_command,
            stamp_ns(message.header.stamp),
            twist.linear.x,
            twist.angular.z,
        )

    def _take(self, topic: str, observe: Callable[..., None], *values: Any) -> None:
        try:
            observe(*values)
        except ValueError as error:
            self._refuse(topic, str(error))

    def _refuse(self, topic: str, reason: str) -> None:
        self.diagnostics.count(f"{topic} refused", reason)

    def _on_period(self) -> None:
        if self._job is not None:
            self.diagnostics.count("training step longer than its period")
            return
        try:
            self._check_line()
            window = self._learner.labelled_window()
        except NotReady as reason:
            self._set_reason(str(reason))
            return
        self._set_reason("")
        self._job = self._pool.submit(self._trainer.step, window)
        self._job.add_done_callback(lambda _: self._step_done.trigger())

    def _check_line(self) -> None:
        """Raise NotReady unless an update can be made that the robot will run."""
        line = self._line
        if line.flying is None:
            raise NotReady("no policy_action yet")
        if line.is_lost:
            line.give_up()
            self._trainer.restart(self._shipped)
            self._learner.fly(self._shipped)
            self._held_version = 0
            self._status.rolled_back += 1
            self.diagnostics.count(
                "learning started again",
                f"lnn_inference runs version {line.flying}, not the one sent",
            )
        if line.is_awaited:
            raise NotReady(f"lnn_inference still runs version {line.flying}")
        if line.is_foreign:
            detail = f"version {line.flying} is not from here: is there a second trainer?"
            self.diagnostics.raise_condition("weight_version", WARN, detail)
        else:
            self.diagnostics.clear_condition("weight_version")

    def _on_step_done(self) -> None:
        if self._job is None or not self._job.done():
            return
        step, self._job = self._job.result(), None
        status = self._status
        status.position_loss, status.action_loss = step.before.position, step.before.action
        status.step_time_s = step.step_time_s
        self.diagnostics.figure("step_time_s", step.step_time_s)
        if step.params is None:
            status.rejected += 1
            self.diagnostics.tally("candidates rejected")
            self.diagnostics.figure("newest rejection", step.rejection)
            return
        self._publish_update(step)

    def _publish_update(self, step: TrainingStep) -> None:
        payload = encode(step.params)
        update = WeightUpdate(
            base_version=self._held_version,
            version=self._line.publish(),
            fingerprint=self._fingerprint,
            tensor_names=list(step.params),
            payload=array("B", payload),
            sha256=hashlib.sha256(payload).hexdigest(),
            expected_gain_percent=step.expected_gain_percent,
        )
        update.header.stamp = self.get_clock().now().to_msg()
        self._updates.publish(update)
        self._learner.fly(step.params)
        self._held_version = self._status.weight_version = update.version
        self._status.accepted += 1
        self.diagnostics.tally("weight updates sent")
        self.diagnostics.figure("weight_version", update.version)

    def _publish_status(self) -> None:
        score, status = self._learner.score.sliding(), self._status
        set_stamp(status.header.stamp, score.newest_ns)
        status.adapted_rmse_m, status.frozen_rmse_m = score.adapted_rmse_m, score.frozen_rmse_m
        status.gain_percent = score.gain_percent
        status.scored_samples, status.score_span_s = score.samples, score.span_s
        self._statuses.publish(status)
        self.diagnostics.figure("adapted_rmse_m", score.adapted_rmse_m)
        self.diagnostics.figure("frozen_rmse_m", score.frozen_rmse_m)

    def _set_reason(self, reason: str) -> None:
        self._status.learning, self._status.reason = not reason, reason
        self.diagnostics.figure("learning", reason or "yes")

    def _on_clock_jump(self, jump: TimeJump) -> None:
        self.get_logger().warning(f"the clock jumped by {jump.delta.nanoseconds / 1e9:.3f} s")
        self._learner.forget()


def main() -> int:
    """Run the node."""
    return spin_node(OnlineTrainer)


if __name__ == "__main__":
    sys.exit(main())
