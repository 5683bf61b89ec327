"""What goes into and comes out of one tick of an episode."""

from dataclasses import dataclass, field

import numpy as np

from liquid_adapt_ros.sim.planner import PlannerAction
from liquid_adapt_ros.sim.sensors import Detection, ImuSample, JointSample

DRIVERS = ("policy", "planner")


@dataclass(frozen=True)
class Command:
    """What a policy asks for: (6,) rad/s, (forward m/s, yaw rad/s), suction on above 0.5."""

    joint_velocity: np.ndarray
    base_twist: np.ndarray
    gripper: float

    def __post_init__(self) -> None:
        """Raises ValueError for a wrong shape; whether numbers are finite is left to who obeys."""
        for name, size in (("joint_velocity", 6), ("base_twist", 2)):
            shape = np.shape(getattr(self, name))
            if shape != (size,):
                raise ValueError(f"command.{name} has shape {shape}: must be ({size},)")


@dataclass(frozen=True)
class OdomSample:
    """Pose (x m, y m, yaw rad) of base_link in odom and twist (forward m/s, yaw rad/s)."""

    stamp_s: float
    pose: np.ndarray
    twist: np.ndarray


@dataclass(frozen=True)
class CameraSample:
    """rgb uint8 (height, width, 3); depth float32 (height, width) m, 0 = none; matrix K (3, 3)."""

    stamp_s: float
    rgb: np.ndarray
    depth_m: np.ndarray
    matrix: np.ndarray


@dataclass(frozen=True)
class Truth:
    """What no sensor says: the target now (position (3,) in base_link), who drove this tick."""

    target_id: int | None
    target_position: np.ndarray | None
    belt_speed_m_s: float
    held_id: int | None
    driver: str


@dataclass(frozen=True)
class TickResult:
    """The samples of one tick that ended at time_s, as they become available, stamps not later.

    camera and detection may be older than the tick by their latency. planner is the teacher's
    action for the state at time_s: what it will do in the next tick if it drives.
    """

    time_s: float
    joint: JointSample
    imu: list[ImuSample]
    odom: OdomSample
    camera: CameraSample | None
    detection: Detection | None
    planner: PlannerAction
    truth: Truth


@dataclass
class Counters:
    """Objects that came to an end: in the bin (by whose work) or lost (missed or dropped)."""

    picks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DRIVERS, 0))
    misses: int = 0

    @property
    def objects(self) -> int:
        """All objects that passed."""
        return sum(self.picks.values()) + self.misses
