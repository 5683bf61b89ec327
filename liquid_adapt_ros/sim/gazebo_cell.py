"""What the cell does around Gazebo's physics: belt speed, feeding, suction, observing the target.

The rules are those of the built-in simulator: target.py, sensors.py, suction.py, belt.py.
"""

from dataclasses import dataclass, field

import numpy as np

from liquid_adapt_ros.sim import mjcf, robot, ur5e
from liquid_adapt_ros.sim.belt import BeltDrive, belt_profile
from liquid_adapt_ros.sim.config import BeltConfig, DetectorConfig, ObjectConfig
from liquid_adapt_ros.sim.gazebo_truth import GroundTruth
from liquid_adapt_ros.sim.objects import ENTRY_X_M, ObjectState
from liquid_adapt_ros.sim.sensors import Detection, PoseDetector
from liquid_adapt_ros.sim.suction import seals
from liquid_adapt_ros.sim.target import select_target

TICK_S = 0.01
# Gazebo takes a while to put an object on the belt; until then it is not fed again.
FEEDING_S = 3.0
# An object is put down from this height above the belt.
DROP_M = 0.002
# Gazebo makes the joints closed: all are told to let go first, and so often while off.
RELEASE_PERIOD_S = 1.0


@dataclass(frozen=True)
class Placement:
    """An object to be put on the belt: centre (3,) m and yaw rad, in the world."""

    name: str
    position: np.ndarray
    yaw_rad: float


@dataclass(frozen=True)
class CellTick:
    """What one tick asks for and gives."""

    belt_speed_m_s: float
    detection: Detection | None
    placement: Placement | None = None
    attach: str | None = None
    detach: tuple[str, ...] = field(default=())


class Feeder:
    """Lets an object enter each time the belt has moved on by a drawn spacing."""

    def __init__(self, config: ObjectConfig, truth: GroundTruth, rng: np.random.Generator) -> None:
        self._config, self._truth, self._rng = config, truth, rng
        self._next_at_m = 0.0
        self._fed_at_s: dict[int, float] = {}

    def tick(
        self, time_s: float, travel_m: float, states: tuple[ObjectState, ...], held_id: int | None
    ) -> Placement | None:
        """The object that enters now, if one is due and one is free."""
        free = [
            state.object_id
            for state in states
            if not state.on_belt
            and state.object_id != held_id
            and time_s - self._fed_at_s.get(state.object_id, -np.inf) > FEEDING_S
        ]
        if travel_m < self._next_at_m or not free:
            return None
        # The one that has been away for longest.
        chosen = min(free, key=lambda index: self._fed_at_s.get(index, -np.inf))
        self._fed_at_s[chosen] = time_s
        self._next_at_m = travel_m + self._rng.uniform(*self._config.spacing_m)
        item = self._truth.objects[chosen]
        y = mjcf.BELT_Y_M + self._rng.uniform(*self._config.lateral_offset_m)
        z = mjcf.BELT_TOP_Z_M + item.half_height_m + DROP_M
        yaw = self._rng.uniform(-np.pi, np.pi)
        return Placement(item.name, np.array((ENTRY_X_M, y, z)), yaw)


class SuctionCup:
    """Decides when Gazebo's joints between the wrist and the objects close and open."""

    def __init__(self, truth: GroundTruth) -> None:
        self._truth = truth
        self._released_at_s = -np.inf
        self.held_id: int | None = None

    def tick(
        self, time_s: float, on: bool, lip: np.ndarray, states: tuple[ObjectState, ...]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Names to attach (or None) and to detach; lip (3,) in base_link."""
        objects = self._truth.objects
        if not on or self._released_at_s == -np.inf:
            was_holding, self.held_id = self.held_id is not None, None
            if was_holding or time_s - self._released_at_s >= RELEASE_PERIOD_S:
                self._released_at_s = time_s
                return None, tuple(item.name for item in objects)
            return None, ()
        if self.held_id is None:
            for state, item in zip(states, objects, strict=True):
                if seals(lip - state.position, item.half_height_m, item.half_width_m):
                    self.held_id = state.object_id
                    return item.name, ()
        return None, ()


class GazeboCell:
    """All of it, advanced in ticks of TICK_S of simulated time.

    Args:
        truth: filled by the caller; a tick reads it at its own instant.
        seed: of every random stream.
    """

    def __init__(
        self,
        truth: GroundTruth,
        belt: BeltConfig,
        objects: ObjectConfig,
        detector: DetectorConfig,
        seed: int,
    ) -> None:
        belt_rng, feeder_rng, detector_rng = (
            np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(3)
        )
        self._truth = truth
        self._profile = belt_profile(belt, belt_rng)
        self._drive = BeltDrive(0.0)
        self._feeder = Feeder(objects, truth, feeder_rng)
        self._detector = PoseDetector(detector, detector_rng)
        self._cup = SuctionCup(truth)
        self.belt_speed_scale = 1.0

    def change_detector(self, config: DetectorConfig) -> None:
        """Let the detector measure otherwise from the next tick on."""
        self._detector.change_config(config)

    def tick(self, time_s: float, joint_position: np.ndarray, suction_on: bool) -> CellTick:
        """Advance to time_s, which rises by TICK_S from call to call.

        Args:
            time_s: an instant that the truth covers.
            joint_position: (6,) rad. suction_on: what the gripper is told.
        """
        self._drive.step(self._profile.speed(time_s) * self.belt_speed_scale, TICK_S)
        states = self._truth.states(time_s)
        attach, detach = self._cup.tick(time_s, suction_on, lip_position(joint_position), states)
        held_id = self._cup.held_id
        target = select_target(states, held_id)
        return CellTick(
            belt_speed_m_s=self._drive.speed_m_s,
            detection=self._detector.tick(
                time_s,
                target.position if target else None,
                target.object_id if target else None,
            ),
            placement=self._feeder.tick(time_s, self._drive.travel_m, states, held_id),
            attach=attach,
            detach=detach,
        )


def lip_position(joint_position: np.ndarray) -> np.ndarray:
    """Where the suction cup's lip is in base_link, (3,), for joint positions (6,) rad."""
    flange = ur5e.forward_kinematics(joint_position)
    return robot.ARM_BASE_M + flange[:3, 3] + robot.TOOL_LENGTH_M * flange[:3, 2]
