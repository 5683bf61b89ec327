"""lnn_inference: one network step per FusedState, actions out; weights change between two steps.

The robot moves only on input that is fresh, finite and for this model; otherwise, and when input
stops coming, it is brought to rest within its acceleration limits.
"""

import sys
import time
from math import inf
from typing import Any

from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from std_srvs.srv import Trigger

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.msg import FusedState, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.action_publisher import ActionPublisher, Answer
from liquid_adapt_ros.nodes.diagnostics import ERROR
from liquid_adapt_ros.nodes.inference_parameters import (
    PARAMETERS,
    VELOCITY_LIMITS,
    action_limits,
)
from liquid_adapt_ros.nodes.input_guard import InputGuard, UnusableInput
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node
from liquid_adapt_ros.nodes.shipped import model_path
from liquid_adapt_ros.nodes.stamps import stamp_ns
from liquid_adapt_ros.nodes.standard_outputs import (
    ARM_COMMANDS,
    BASE_COMMANDS,
    Output,
    PredictedPose,
    PredictionMarker,
    RobotDescription,
    Suction,
)
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.limits import ActionLimiter
from liquid_adapt_ros.runtime.policy_model import PolicyModel, load_policy
from liquid_adapt_ros.runtime.weight_store import WeightRejected, WeightStore

WATCHDOG_PERIOD_S = 0.02
# Time that has passed between two commands at least, however coarse the clocks are.
SHORTEST_INTERVAL_S = 1e-4
SHIPPED_VERSION = 0


class LnnInference(ManagedNode):
    """The node; see the module's docstring for what it does."""

    def __init__(self) -> None:
        super().__init__("lnn_inference", PARAMETERS)
        self._output: ActionPublisher | None = None
        self._configured: list[Any] = []
        self._running: list[Any] = []

    def configure(self) -> None:
        """Load the model; make publishers, the weight subscription and the service."""
        p = self.parameters
        model = load_policy(model_path(p["model_file"]))
        spec = model.spec
        self._limiter = ActionLimiter(action_limits(p, len(spec.joint_names)))
        self._joints, self._step_s = len(spec.joint_names), spec.step_s
        self._policy = self._make_policy(model)
        self._store = WeightStore(spec, model.fingerprint, model.params)
        self._guard = InputGuard(model.fingerprint, spec.features, p)
        robot = RobotDescription(
            spec.joint_names, p["joint_max_acceleration_rad_s2"], p["base_frame"], spec.horizon_s
        )
        self._output = ActionPublisher(self, robot, self._chosen_outputs())
        self._configured = [
            self.create_subscription(
                WeightUpdate, "weight_update", self._on_weight_update, qos.WEIGHT_UPDATE
            ),
            self.create_service(Trigger, "~/restore_baseline", self._on_restore_baseline),
        ]
        self.diagnostics.figure("fingerprint", model.fingerprint)
        self.diagnostics.figure("weight_version", self._store.current.version)

    def activate(self) -> None:
        """Start from rest with an empty memory, and watch for silence from now on."""
        self._policy.reset()
        self._limiter.reset()
        self._guard.reset()
        self._input_at = self._commanded_at = self._clocks()
        self._running = [
            self.create_subscription(FusedState, "fused_state", self._on_fused, qos.FUSED_STATE),
            self.create_timer(
                WATCHDOG_PERIOD_S,
                self._on_watchdog,
                clock=Clock(clock_type=ClockType.STEADY_TIME),
            ),
        ]
        self._jump = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_clock_jump,
        )

    def deactivate(self) -> None:
        """Bring the robot to rest, then stop listening."""
        if not self._running:
            return
        subscription, timer = self._running
        self._running = []
        self.destroy_subscription(subscription)
        self.destroy_timer(timer)
        self._jump.unregister()
        self._publish_stop(self._now_ns(), "deactivated", self._step_s)
        while not self._limiter.at_rest:
            time.sleep(self._step_s)
            self._publish_stop(self._now_ns(), "deactivated", self._step_s)
        self._output.wait_until_received()

    def cleanup(self) -> None:
        """Remove publishers, weight subscription and service."""
        if self._configured:
            subscription, service = self._configured
            self.destroy_subscription(subscription)
            self.destroy_service(service)
            self._configured = []
        if self._output is not None:
            self._output.destroy()
            self._output = None

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """Limits hold from the next command on; timeouts and age limits are read at each check."""
        if self._output is None:
            return
        values = {**self.parameters, **changes}
        limits = action_limits(values, self._joints)
        # The robot may still be as fast as the limits before allow.
        action_limits({**values, **{n: self.parameters[n] for n in VELOCITY_LIMITS}}, self._joints)
        self._limiter.change_limits(limits)
        self._output.change_acceleration(limits.joint_acceleration_rad_s2)

    def _make_policy(self, model: PolicyModel) -> StreamingPolicy:
        """The policy on the engine that the parameters choose; raises ValueError, OSError."""
        p, step_of = self.parameters, None
        if p["core_engine"] == "onnx":
            if not p["core_file"]:
                raise ValueError("core_engine onnx needs core_file: write it with export_model")
            # Here, so that the compiled core does without ONNX Runtime's memory.
            from liquid_adapt_ros.runtime.onnx_step import ExportedStep

            step_of = ExportedStep(
                p["core_file"], model.spec, model.fingerprint, p["core_provider"]
            ).with_weights
        return StreamingPolicy(model.spec, model.params, model.norm, step_of)

    def _chosen_outputs(self) -> list[type[Output]]:
        p = self.parameters
        outputs = [ARM_COMMANDS[p["arm_command"]], BASE_COMMANDS[p["base_command"]], Suction]
        if p["publish_predicted_pose"]:
            outputs.append(PredictedPose)
        if p["publish_prediction_marker"]:
            outputs.append(PredictionMarker)
        return outputs

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _clocks(self) -> tuple[int, int]:
        """The node's clock and the steady clock [ns]."""
        return self._now_ns(), time.monotonic_ns()

    def _since_last_command_s(self) -> float:
        """Time since the last command [s]; on the steady clock where the node's stands still."""
        now_ns, steady_ns = self._clocks()
        interval_s = (now_ns - self._commanded_at[0]) / NANOSECONDS
        real_silence_s = (steady_ns - self._input_at[1]) / NANOSECONDS
        if interval_s <= 0.0 and real_silence_s > self.parameters["input_timeout_real_s"]:
            interval_s = (steady_ns - self._commanded_at[1]) / NANOSECONDS
        self._commanded_at = now_ns, steady_ns
        return max(interval_s, SHORTEST_INTERVAL_S)

    def _on_fused(self, message: FusedState) -> None:
        stamp, now_ns = stamp_ns(message.header.stamp), self._now_ns()
        self._input_at = now_ns, time.monotonic_ns()
        try:
            features, dt_s = self._guard.features(message, stamp)
        except UnusableInput as error:
            self.diagnostics.count("fused_state refused", str(error))
            self._stop_robot(stamp, str(error))
            return
        started = time.perf_counter()
        if dt_s == inf:
            self._policy.reset()
            dt_s = self._step_s
        wanted = self._policy.step(features, dt_s)
        compute_time_s = time.perf_counter() - started
        if not wanted.finite:
            self._distrust_weights()
            self._stop_robot(stamp, "the network's output is not finite")
            return
        reason = self._guard.staleness(message, stamp, now_ns)
        if reason:
            self._stop_robot(stamp, reason, wanted.position, compute_time_s)
            return
        command, limit_applied = self._limiter.limit(wanted, self._since_last_command_s())
        self.diagnostics.clear_condition("input")
        version = self._store.current.version
        self._output.publish(
            Answer(stamp, command, version, wanted.position, compute_time_s, limit_applied)
        )
        self.diagnostics.figure("compute_time_s", compute_time_s)
        self.diagnostics.figure("latency_s", (self._now_ns() - stamp) / NANOSECONDS)

    def _stop_robot(self, stamp: int, reason: str, *prediction: Any) -> None:
        """One step towards rest, said on /diagnostics; prediction: position, compute time."""
        self.diagnostics.raise_condition("input", ERROR, f"smooth stop: {reason}")
        self._publish_stop(stamp, reason, self._since_last_command_s(), *prediction)

    def _publish_stop(self, stamp: int, reason: str, dt_s: float, *prediction: Any) -> None:
        command, version = self._limiter.smooth_stop(dt_s), self._store.current.version
        self._output.publish(Answer(stamp, command, version, *prediction, safe_stop_reason=reason))

    def _on_watchdog(self) -> None:
        now_ns, steady_ns = self._clocks()
        silence_s = (now_ns - self._input_at[0]) / NANOSECONDS
        real_silence_s = (steady_ns - self._input_at[1]) / NANOSECONDS
        if silence_s > self.parameters["input_timeout_s"]:
            reason = f"no fused_state for {silence_s:.2f} s"
        elif real_silence_s > self.parameters["input_timeout_real_s"]:
            reason = f"no fused_state for {real_silence_s:.2f} s of real time"
        else:
            return
        self._guard.allow_restart()
        self._stop_robot(now_ns, reason)

    def _on_weight_update(self, update: WeightUpdate) -> None:
        try:
            weights = self._store.accept(update)
        except WeightRejected as reason:
            self.diagnostics.count("weight update rejected", str(reason))
            return
        self._policy.swap(weights.params)
        self.diagnostics.tally("weight updates accepted")
        self.diagnostics.figure("weight_version", weights.version)

    def _distrust_weights(self) -> None:
        """Go back to the weights before those that gave a non-finite output."""
        rejected = self._store.current.version
        weights = self._store.rollback()
        self._policy.swap(weights.params)
        self._policy.reset()
        self.diagnostics.count(
            "weights rolled back",
            f"version {rejected} gave a non-finite output, now {weights.version}",
        )
        self.diagnostics.figure("weight_version", weights.version)

    def _on_restore_baseline(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        left = self._store.current.version
        while (weights := self._store.rollback()).version != SHIPPED_VERSION:
            pass
        self._policy.swap(weights.params)
        self.diagnostics.figure("weight_version", weights.version)
        response.success = True
        response.message = f"version {weights.version} runs instead of {left}"
        self.get_logger().info(response.message)
        return response

    def _on_clock_jump(self, jump: TimeJump) -> None:
        self.get_logger().warning(f"the clock jumped by {jump.delta.nanoseconds / 1e9:.3f} s")
        self._policy.reset()
        self._guard.reset()
        self._input_at = self._commanded_at = self._clocks()


def main() -> int:
    """Run the node."""
    return spin_node(LnnInference)


if __name__ == "__main__":
    sys.exit(main())
