"""online_trainer: learns from what came of the network's predictions, and sends new weights.

Labels are known one horizon later; the readout follows them twenty times a second, the whole
network now and then, in a thread of its own and as far as the governor lets it. How well the
robot's predictions do against those of the shipped weights is reported on adaptation_status.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from liquid_adapt_ros.adaptation.engine_results import Update
from liquid_adapt_ros.adaptation.governor.governor import Governor
from liquid_adapt_ros.adaptation.governor.sensors import find_sensors
from liquid_adapt_ros.adaptation.learner import OnlineLearner
from liquid_adapt_ros.adaptation.training_job import NotReady, TrainingJob
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.msg import AdaptationStatus, FusedState, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.diagnostics import WARN
from liquid_adapt_ros.nodes.learner_checkpoint import LearnerCheckpoint
from liquid_adapt_ros.nodes.learning_pauses import LearningPauses
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node
from liquid_adapt_ros.nodes.nominal_file import load_nominal
from liquid_adapt_ros.nodes.shipped import model_path
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns
from liquid_adapt_ros.nodes.trainer_parameters import (
    PARAMETERS,
    governor_settings,
    learner_settings,
)
from liquid_adapt_ros.nodes.training_thread import TrainingThread
from liquid_adapt_ros.nodes.update_sender import UpdateSender
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.weights.fingerprint import file_sha256

STATUS_PERIOD_S = 0.5
# How often the governor is asked whether a training step may start.
ASK_PERIOD_S = 0.1
# Commanded velocities below this are standing still [rad/s, m/s].
STATIONARY = 0.02
GRIPPER_JOINT = "gripper"


class OnlineTrainer(ManagedNode):
    """The node; see the module's docstring for what it does."""

    def __init__(self) -> None:
        super().__init__("online_trainer", PARAMETERS)
        torch.set_num_threads(1)
        self._running: list[Any] = []
        self._thread: TrainingThread | None = None
        self._checkpoint: LearnerCheckpoint | None = None

    def configure(self) -> None:
        """Load the model; make learner and publishers; go on from a checkpoint."""
        p = self.parameters
        path = model_path(p["model_file"])
        model = load_policy(path)
        self._arm_joints = JointOrder(model.spec.joint_names)
        self._gripper_joint = JointOrder([GRIPPER_JOINT])
        self._horizon_s, self._step_s = model.spec.horizon_s, model.spec.step_s
        self._fingerprint = model.fingerprint
        self._learner = OnlineLearner(
            model.spec,
            model.params,
            model.norm,
            load_nominal(path, model),
            learner_settings(p),
        )
        self._engine = self._learner.engine
        self._governor = Governor(governor_settings(p), find_sensors())
        self._checkpoint = LearnerCheckpoint(
            p["checkpoint_file"], self.get_namespace(), file_sha256(path)
        )
        restored = self._checkpoint.restore(self._engine)
        self._status = AdaptationStatus(power_w=math.nan, temperature_c=math.nan)
        self._slack_s, self._stationary = math.nan, False
        self._pauses = LearningPauses(self, self._engine.pause)
        self._thread = TrainingThread(self, self._on_step_done)
        updates = self.create_lifecycle_publisher(WeightUpdate, "weight_update", qos.WEIGHT_UPDATE)
        self._sender = UpdateSender(
            updates, model.fingerprint, p["weight_patience_s"], sends_all=restored == "restored"
        )
        self._updates = updates
        self._statuses = self.create_lifecycle_publisher(
            AdaptationStatus, "adaptation_status", qos.REPORT
        )
        self.diagnostics.figure("fingerprint", model.fingerprint)
        if restored:
            self.diagnostics.figure("checkpoint", restored)
            self.get_logger().info(f"checkpoint: {restored}")

    def activate(self) -> None:
        """Subscribe, offer the services and start the timers."""
        self._learner.forget()
        self._set_reason("no fused_state yet")
        subscribe, serve = self.create_subscription, self.create_service
        self._running = [
            subscribe(FusedState, "fused_state", self._on_fused, qos.FUSED_STATE_WINDOW),
            subscribe(PolicyAction, "policy_action", self._on_action, qos.POLICY_ACTION_WINDOW),
            subscribe(PoseStamped, "object_pose", self._on_object, qos.OBJECT_POSE),
            subscribe(JointState, "planner/joint_command", self._on_joint_command, qos.PLANNER),
            subscribe(TwistStamped, "planner/cmd_vel", self._on_base_command, qos.PLANNER),
        ]
        self._services_offered = [
            serve(Trigger, "~/save_checkpoint", self._on_save_checkpoint),
            serve(Trigger, "~/restore_baseline", self._on_restore_baseline),
        ]
        self._pauses.open()
        self._timers_running = [
            self.create_timer(ASK_PERIOD_S, self._on_ask),
            self.create_timer(STATUS_PERIOD_S, self._publish_status),
        ]
        if self._checkpoint.is_kept:
            period_s = self.parameters["checkpoint_period_s"]
            self._timers_running.append(self.create_timer(period_s, self._save_checkpoint))
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
        for service in self._services_offered:
            self.destroy_service(service)
        for timer in self._timers_running:
            self.destroy_timer(timer)
        self._pauses.close()
        self._jump.unregister()
        self._running = []
        self._thread.drop()
        if self._checkpoint.is_kept:
            self._save_checkpoint()

    def cleanup(self) -> None:
        """Remove the publishers, end the training thread and let go of the checkpoint."""
        if self._checkpoint is not None:
            self._checkpoint.release()
        if self._thread is None:
            return
        self._thread.close()
        self._thread = None
        for publisher in (self._updates, self._statuses):
            self.destroy_lifecycle_publisher(publisher)

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """Limits of training count from the next question to the governor on."""
        if self._thread is not None:
            self._governor.settings = replace(self._governor.settings, **changes)

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
            message.camera_age_s,
        )
        self._learn_readout()

    def _on_action(self, message: PolicyAction) -> None:
        stamp = stamp_ns(message.header.stamp)
        self._sender.line.report(message.weight_version, stamp)
        self._slack_s = self._step_s - message.compute_time_s
        speeds = [*message.joint_velocities, message.base_linear_velocity]
        self._stationary = max(map(abs, speeds), default=0.0) < STATIONARY
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

    def _learn_readout(self) -> None:
        """Let the readout follow the labels that have come, and send what comes of it."""
        if not self._line_is_ready():
            return
        update = self._learner.update()
        if update is not None:
            self._send(update)

    def _line_is_ready(self) -> bool:
        """Whether an update can be sent that the robot will run."""
        line = self._sender.line
        if line.is_lost:
            self._engine.restore_shipped()
            self._sender.start_over()
            self.diagnostics.count(
                "learning started again",
                f"lnn_inference runs version {line.flying}, not the one sent",
            )
        if line.is_foreign:
            detail = f"version {line.flying} is not from here: is there a second trainer?"
            self.diagnostics.raise_condition("weight_version", WARN, detail)
        else:
            self.diagnostics.clear_condition("weight_version")
        return self._sender.is_ready

    def _on_ask(self) -> None:
        """Train the network if there is something to train on and the governor allows it."""
        if self._thread.is_busy:
            return
        try:
            job = self._next_job()
        except NotReady as reason:
            self._set_reason(str(reason))
            return
        self._set_reason("")
        decision = self._governor.may_train(time.monotonic(), self._stationary, self._slack_s)
        self._status.training_period_s = decision.period_s
        if decision.train:
            self._thread.run(job)

    def _next_job(self) -> TrainingJob:
        if self._sender.line.flying is None:
            raise NotReady("no policy_action yet")
        return self._engine.training_job()

    def _on_step_done(self, job: TrainingJob, objection: str, step_time_s: float) -> None:
        self._governor.trained(step_time_s, time.monotonic())
        self._status.step_time_s = step_time_s
        self.diagnostics.figure("step_time_s", step_time_s)
        if objection:
            self.diagnostics.figure("newest rejection", objection)
        update = self._engine.finish(job, objection)
        if update is not None:
            self._send(update)

    def _send(self, update: Update) -> None:
        engine = self._engine
        version = self._sender.send(
            update.tensors, engine.params, update.gain_percent, self.get_clock().now()
        )
        self._status.weight_version = version
        self._status.updates += 1
        self.diagnostics.tally("weight updates sent")
        self.diagnostics.figure("weight_version", version)
        if update.kind == "rollback":
            self.diagnostics.count("rolled back", "what flew was worse than the shipped weights")

    def _publish_status(self) -> None:
        score, status, counts = self._learner.score.sliding(), self._status, self._engine.counts
        set_stamp(status.header.stamp, score.newest_ns)
        status.adapted_rmse_m, status.frozen_rmse_m = score.adapted_rmse_m, score.frozen_rmse_m
        status.gain_percent = score.gain_percent
        status.scored_samples, status.score_span_s = score.samples, score.span_s
        status.in_use = self._engine.flies
        status.anchor_weight = float(self._engine.anchor_weight.mean())
        status.accepted, status.rejected = counts.accepted, counts.rejected
        status.fallen_back, status.rolled_back = counts.fallen_back, counts.rolled_back
        status.labels, status.labels_unused = counts.labels, counts.labels_unused
        governor = self._governor.state
        status.governor = governor.mode.value
        status.power_w, status.temperature_c = governor.power_w, governor.temperature_c
        self._statuses.publish(status)
        if self._learner.is_detector_distrusted:
            text = "object_pose is suddenly off on a new object: not learned from it for now"
            self.diagnostics.raise_condition("detector", WARN, text)
        else:
            self.diagnostics.clear_condition("detector")
        self.diagnostics.figure("adapted_rmse_m", score.adapted_rmse_m)
        self.diagnostics.figure("frozen_rmse_m", score.frozen_rmse_m)
        self.diagnostics.figure("governor", f"{governor.mode.value}: {governor.text}")

    def _save_checkpoint(self) -> str:
        """Write the checkpoint; returns what came of it in words, and reports a failure."""
        try:
            text = f"saved to {self._checkpoint.save(self._engine)}"
        except (OSError, ValueError) as error:
            self.diagnostics.count("checkpoint not saved", str(error))
            return f"not saved: {error}"
        self.diagnostics.figure("checkpoint", text)
        return text

    def _on_save_checkpoint(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.message = self._save_checkpoint()
        response.success = response.message.startswith("saved")
        return response

    def _on_restore_baseline(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Forget what was learned; the shipped weights fly again."""
        self._send(self._engine.restore_shipped())
        response.success, response.message = True, "the shipped weights were sent"
        return response

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
