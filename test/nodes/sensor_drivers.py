"""Publishes what a robot's drivers publish, at their rates, with faults on demand.

Time is simulated unless asked otherwise: on a busy machine everything runs slower, but stamps and
ages stay as they are.
"""

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from ros_probe import Probe
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu, JointState

from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp

INTRINSICS = np.array([[110.0, 0.0, 63.5], [0.0, 110.0, 47.5], [0.0, 0.0, 1.0]])
PERIOD_S = 0.01
TICKS_PER_PICTURE = 3


def unchanged(message: Any) -> Any:
    """The fault that isn't one."""
    return message


class SimulatedClock:
    """A clock that the test moves, published on /clock."""

    def __init__(self, probe: Probe, now_ns: int = 50_000_000_000) -> None:
        self.now_ns = now_ns
        self._message = Clock()
        self._publisher = probe.create_publisher(Clock, "/clock", qos.CLOCK)

    def advance(self) -> int:
        """Go on by one period and return the new time [ns]."""
        self.now_ns += round(1e9 * PERIOD_S)
        set_stamp(self._message.clock, self.now_ns)
        self._publisher.publish(self._message)
        return self.now_ns


class SystemClock:
    """The machine's own clock."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def advance(self) -> int:
        """Return the time [ns]."""
        return self._probe.get_clock().now().nanoseconds


class SensorDrivers:
    """Camera at 33 Hz, IMU at 200 Hz, joints at 100 Hz, of a still robot.

    Each `alter_*` is called with the message before it is published and returns it, changed as
    the test likes, or None to keep it back.
    """

    def __init__(
        self,
        probe: Probe,
        joint_names: tuple[str, ...],
        clock: SimulatedClock | SystemClock | None = None,
    ) -> None:
        self.joint_names = joint_names
        self.positions = np.linspace(-1.0, 1.0, len(joint_names))
        self.rgb = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
        self.depth_m = np.full((96, 128), 1.25)
        self.alter_imu: Callable[[Imu], Imu | None] = unchanged
        self.alter_joints: Callable[[JointState], JointState | None] = unchanged
        self.alter_colour: Callable[[Image], Image | None] = unchanged
        self.alter_depth: Callable[[Image], Image | None] = unchanged
        self.clock = clock or SimulatedClock(probe)
        self._ticks = 0
        make = probe.create_publisher
        self._imu = make(Imu, "imu/data", qos.SENSOR)
        self._joints = make(JointState, "joint_states", qos.SENSOR)
        self._info = make(CameraInfo, "camera/color/camera_info", qos.IMAGE)
        self._colour = make(Image, "camera/color/image_raw", qos.IMAGE)
        self._depth = make(Image, "camera/aligned_depth_to_color/image_raw", qos.IMAGE)
        probe.create_timer(PERIOD_S, self.tick)

    def tick(self) -> None:
        """Publish what is due in one period."""
        now_ns = self.clock.advance()
        self._send(self._imu, self.alter_imu, _imu(), now_ns - 5_000_000)
        self._send(self._imu, self.alter_imu, _imu(), now_ns)
        joints = JointState(name=list(self.joint_names), position=self.positions.tolist())
        self._send(self._joints, self.alter_joints, joints, now_ns)
        if self._ticks % TICKS_PER_PICTURE == 0:
            info = CameraInfo(width=128, height=96, k=INTRINSICS.ravel().tolist())
            self._send(self._info, unchanged, info, now_ns)
            self._send(self._colour, self.alter_colour, colour_image(self.rgb), now_ns)
            self._send(self._depth, self.alter_depth, depth_image_mm(self.depth_m), now_ns)
        self._ticks += 1

    @staticmethod
    def _send(publisher: Any, alter: Callable[[Any], Any], message: Any, at_ns: int) -> None:
        set_stamp(message.header.stamp, at_ns)
        altered = alter(message)
        if altered is not None:
            publisher.publish(altered)


def colour_image(rgb: np.ndarray, encoding: str = "rgb8") -> Image:
    """(H, W, 3) as a message; bgr8 swaps the channels."""
    pixels = rgb if encoding == "rgb8" else rgb[..., ::-1]
    return _image(pixels, encoding, 3)


def depth_image_mm(depth_m: np.ndarray) -> Image:
    """(H, W) in metres as 16UC1 millimetres."""
    return _image(np.round(1000.0 * depth_m).astype("<u2"), "16UC1", 2)


def depth_image_m(depth_m: np.ndarray) -> Image:
    """(H, W) in metres as 32FC1."""
    return _image(depth_m.astype("<f4"), "32FC1", 4)


def _image(pixels: np.ndarray, encoding: str, pixel_bytes: int) -> Image:
    height, width = pixels.shape[:2]
    data = array("B", np.ascontiguousarray(pixels).tobytes())
    step = width * pixel_bytes
    return Image(height=height, width=width, encoding=encoding, step=step, data=data)


def _imu() -> Imu:
    message = Imu()
    message.linear_acceleration.z = 9.81
    return message
