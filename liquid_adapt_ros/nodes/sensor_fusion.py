"""sensor_fusion: camera, IMU and joints in, one aligned observation (FusedState) at 100 Hz out.

The tick follows joint_states. Pictures go through the encoder in a thread of their own, so they
never delay a tick; the newest embedding that is there is used, with its true age.
"""

import sys
import time
from array import array
from collections.abc import Mapping
from math import inf
from typing import Any

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo, Image, Imu, JointState

from liquid_adapt_ros.fusion import filters
from liquid_adapt_ros.fusion.alignment import NANOSECONDS, TickSchedule
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.fusion.normalise import Normaliser
from liquid_adapt_ros.fusion.observation import Ages, FusionConfig, Observer, Validity
from liquid_adapt_ros.msg import FusedState
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.camera_input import CameraInput
from liquid_adapt_ros.nodes.diagnostics import WARN
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node
from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.nodes.shipped import ENCODER_FILE, MODEL_FILE, encoder_path, model_path
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns
from liquid_adapt_ros.onnx_session import PROVIDERS
from liquid_adapt_ros.runtime.policy_model import load_policy

PARAMETERS = (
    MODEL_FILE,
    ENCODER_FILE,
    Parameter(
        "encoder_provider",
        "cpu",
        "Execution provider of ONNX Runtime that runs the encoder.",
        read_only=True,
        choices=tuple(PROVIDERS),
    ),
    Parameter("base_frame", "base_link", "frame_id of fused_state.", read_only=True),
    Parameter("rate_hz", 100.0, "Rate of fused_state [Hz].", 1.0, 1000.0),
    Parameter("camera_max_age_s", 0.2, "Oldest valid picture [s].", 0.0, 10.0),
    Parameter("imu_max_age_s", 0.05, "Oldest valid IMU sample [s].", 0.0, 10.0),
    Parameter("joint_max_age_s", 0.05, "Oldest valid joint sample [s].", 0.0, 10.0),
    Parameter(
        "future_tolerance_s",
        0.1,
        "How far a stamp may lie ahead of the node's clock [s].",
        0.0,
        10.0,
    ),
    Parameter(
        "pair_tolerance_s",
        0.005,
        "Largest difference of the stamps of one colour and depth pair [s].",
        0.0,
        0.1,
    ),
    Parameter(
        "imu_rate_hz",
        filters.IMU_RATE_HZ,
        "Rate of imu/data, for its filter [Hz].",
        1.0,
        10000.0,
    ),
    Parameter(
        "imu_cutoff_hz",
        filters.IMU_CUTOFF_HZ,
        "Cutoff of the IMU's low-pass; the shipped model expects the default [Hz].",
        0.1,
        5000.0,
    ),
    Parameter(
        "joint_rate_hz",
        filters.JOINT_RATE_HZ,
        "Rate of joint_states, for its filter [Hz].",
        1.0,
        10000.0,
    ),
    Parameter(
        "joint_cutoff_hz",
        filters.JOINT_CUTOFF_HZ,
        "Cutoff of the joints' low-pass; the shipped model expects the default [Hz].",
        0.1,
        5000.0,
    ),
)


def fusion_config(values: Mapping[str, Any]) -> FusionConfig:
    """What the observer needs to know of its sensors. Raises ValueError where it can't be so."""
    return FusionConfig(**{name: values[name] for name in vars(FusionConfig())})


class SensorFusion(ManagedNode):
    """The node; see the module's docstring for what it does."""

    def __init__(self) -> None:
        super().__init__("sensor_fusion", PARAMETERS)
        self._subscriptions_made: list[Any] = []
        self._camera: CameraInput | None = None
        self._observer: Observer | None = None
        self._reported: Validity | None = None

    def configure(self) -> None:
        """Load the model's normalisation and the encoder; make the publisher."""
        p = self.parameters
        model = load_policy(model_path(p["model_file"]))
        encoder = OnnxEncoder(encoder_path(p["encoder_file"]), p["encoder_provider"])
        if encoder.sha256 != model.encoder_sha256:
            raise ValueError("encoder_file is not the encoder that model_file was trained with")
        if encoder.size != model.spec.inputs.embedding:
            raise ValueError(
                f"the encoder has {encoder.size} outputs, the model takes "
                f"{model.spec.inputs.embedding}"
            )
        self._observer = Observer(
            Normaliser(model.norm["norm.feature_mean"], model.norm["norm.feature_scale"]),
            len(model.spec.joint_names),
            fusion_config(p),
        )
        self._joint_order = JointOrder(model.spec.joint_names)
        self._camera = CameraInput(
            encoder, p["pair_tolerance_s"], p["future_tolerance_s"], self.diagnostics
        )
        self._schedule = TickSchedule(p["rate_hz"])
        self._fused = FusedState(fingerprint=model.fingerprint)
        self._fused.header.frame_id = p["base_frame"]
        self._publisher = self.create_lifecycle_publisher(
            FusedState, "fused_state", qos.FUSED_STATE
        )
        self.diagnostics.figure("fingerprint", model.fingerprint)

    def activate(self) -> None:
        """Subscribe to the sensors and start the timer for overdue ticks."""
        self._reset_time()
        subscribe, camera = self.create_subscription, self._camera
        # The executor serves ready subscriptions in this order: the IMU sample of an instant
        # must be there before the joint sample that makes the tick.
        self._subscriptions_made = [
            subscribe(Imu, "imu/data", self._on_imu, qos.SENSOR),
            subscribe(JointState, "joint_states", self._on_joints, qos.SENSOR),
            subscribe(CameraInfo, "camera/color/camera_info", camera.on_info, qos.IMAGE),
            subscribe(Image, "camera/color/image_raw", self._on_colour, qos.IMAGE),
            subscribe(Image, "camera/aligned_depth_to_color/image_raw", self._on_depth, qos.IMAGE),
        ]
        self._overdue_timer = self.create_timer(
            1.5 * self._schedule.period_ns / NANOSECONDS, self._on_overdue
        )
        self._jump = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_clock_jump,
        )

    def deactivate(self) -> None:
        """Unsubscribe and stop ticking."""
        for subscription in self._subscriptions_made:
            self.destroy_subscription(subscription)
        if self._subscriptions_made:
            self._subscriptions_made = []
            self.destroy_timer(self._overdue_timer)
            self._jump.unregister()

    def cleanup(self) -> None:
        """End the encoder's thread and drop the publisher."""
        if self._camera is not None:
            self._camera.stop()
            self.destroy_lifecycle_publisher(self._publisher)
        self._camera = self._observer = None

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """Everything takes effect with the next sample and the next tick."""
        values = {**self.parameters, **changes}
        config = fusion_config(values)
        if self._observer is None:
            return
        self._observer.change_config(config)
        self._camera.change_tolerances(values["pair_tolerance_s"], values["future_tolerance_s"])
        if "rate_hz" in changes:
            self._schedule.change_rate(values["rate_hz"])

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _on_imu(self, message: Imu) -> None:
        a, w = message.linear_acceleration, message.angular_velocity
        try:
            self._observer.take_imu(
                stamp_ns(message.header.stamp), self._now_ns(), (a.x, a.y, a.z, w.x, w.y, w.z)
            )
        except ValueError as error:
            self.diagnostics.count("imu sample dropped", str(error))

    def _on_joints(self, message: JointState) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            positions = self._joint_order.pick(message.name, message.position)
            self._observer.take_joints(stamp, self._now_ns(), positions)
        except ValueError as error:
            self.diagnostics.count("joint sample dropped", str(error))
            return
        if self._schedule.is_due(stamp):
            self._publish(stamp)
            self._arm_overdue_timer(periods=1.5)

    def _on_colour(self, message: Image) -> None:
        self._camera.on_colour(message, self._now_ns())

    def _on_depth(self, message: Image) -> None:
        self._camera.on_depth(message, self._now_ns())

    def _on_overdue(self) -> None:
        now_ns = self._now_ns()
        # Simulated time that has not begun is no time.
        if now_ns > 0 and self._schedule.is_overdue(now_ns):
            self._publish(now_ns)
            self._arm_overdue_timer(periods=1.0)

    def _arm_overdue_timer(self, periods: float) -> None:
        """Let the timer fire this many periods from now (sooner once the joints are late)."""
        period_ns = round(periods * self._schedule.period_ns)
        if self._overdue_timer.timer_period_ns != period_ns:
            self._overdue_timer.timer_period_ns = period_ns
        self._overdue_timer.reset()

    def _publish(self, at_ns: int) -> None:
        observer, message = self._observer, self._fused
        started = time.thread_time()
        self._camera.deliver(observer, self._now_ns())
        ages = observer.ages(at_ns)
        valid = observer.validity(ages)
        set_stamp(message.header.stamp, at_ns)
        message.features = array("f", observer.features().tobytes())
        message.camera_age_s, message.camera_valid = ages.camera_s, valid.camera
        message.imu_age_s, message.imu_valid = ages.imu_s, valid.imu
        message.joint_age_s, message.joint_valid = ages.joint_s, valid.joint
        message.usable_for_learning = valid.all
        self._publisher.publish(message)
        if valid != self._reported:
            self._report(ages, valid)
        self.diagnostics.figure("tick_cpu_s", time.thread_time() - started)

    def _report(self, ages: Ages, valid: Validity) -> None:
        """Name the modalities that have become stale, or good again, on /diagnostics."""
        self._reported = valid
        for name, is_valid, age_s in (
            ("camera", valid.camera, ages.camera_s),
            ("imu", valid.imu, ages.imu_s),
            ("joints", valid.joint, ages.joint_s),
        ):
            if is_valid:
                self.diagnostics.clear_condition(name)
            else:
                what = "never came" if age_s == inf else f"is {age_s:.3f} s old"
                self.diagnostics.raise_condition(name, WARN, f"{name} {what}")

    def _on_clock_jump(self, jump: TimeJump) -> None:
        self.get_logger().warning(f"the clock jumped by {jump.delta.nanoseconds / 1e9:.3f} s")
        self._reset_time()

    def _reset_time(self) -> None:
        self._observer.reset()
        self._camera.reset()
        self._schedule.reset()


def main() -> int:
    """Run the node."""
    return spin_node(SensorFusion)


if __name__ == "__main__":
    sys.exit(main())
