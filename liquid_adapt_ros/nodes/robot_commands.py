"""What the robot was last told on the three command topics, checked, and for how long it holds."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Float64MultiArray

from liquid_adapt_ros.sim.samples import Command


class CommandInbox:
    """Takes the messages a robot obeys and makes one command of them while all are fresh.

    As ros2_control's forward command controllers do, it takes joint velocities and suction in the
    order of the joints, without names. A message that can't be obeyed is dropped whole.

    Args:
        joints: number of joints of the arm.
        now_s: the clock by which messages age [s].
        refused: called with the reason for each message dropped.
    """

    def __init__(
        self, joints: int, now_s: Callable[[], float], refused: Callable[[str], None]
    ) -> None:
        self._joints = joints
        self._now_s = now_s
        self._refused = refused
        self._values: dict[str, tuple[float, np.ndarray]] = {}

    def take_joint_velocities(self, message: Float64MultiArray) -> None:
        """joint_velocity_controller/commands: one velocity per joint [rad/s]."""
        self._take("joint velocities", message.data, self._joints)

    def take_twist(self, message: TwistStamped) -> None:
        """cmd_vel: a differential drive obeys linear.x [m/s] and angular.z [rad/s]."""
        twist = message.twist
        self._take("base twist", (twist.linear.x, twist.angular.z), 2)

    def take_gripper(self, message: Float64MultiArray) -> None:
        """gripper_controller/commands: suction in [0, 1]."""
        self._take("gripper", message.data, 1)

    def command(self, max_age_s: float) -> Command | None:
        """The command in force; None while one of its three parts is missing or too old."""
        oldest_s = self._now_s() - max_age_s
        if len(self._values) < 3 or any(at_s < oldest_s for at_s, _ in self._values.values()):
            return None
        return Command(
            joint_velocity=self._values["joint velocities"][1],
            base_twist=self._values["base twist"][1],
            gripper=float(self._values["gripper"][1][0]),
        )

    def clear(self) -> None:
        """Forget what was said."""
        self._values.clear()

    def _take(self, what: str, values: Sequence[float], length: int) -> None:
        if len(values) != length:
            self._refused(f"{what}: {len(values)} values, expected {length}")
        elif not all(map(math.isfinite, values)):
            self._refused(f"{what}: not finite")
        else:
            self._values[what] = (self._now_s(), np.array(values))
