"""What Gazebo says of robot and objects, brought to one instant: all poses in the world, SI.

Gazebo stamps each model's pose at instants of its own, so poses are interpolated between samples.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from liquid_adapt_ros.sim.belt import lies_on_belt
from liquid_adapt_ros.sim.objects import ObjectState

# Between two samples of a pose; further is not motion, the model was put elsewhere.
MOTION_MAX_M = 0.2
HISTORY = 20


@dataclass(frozen=True)
class GazeboObject:
    """One object of worlds/objects.yaml: half edges (3,) m."""

    name: str
    half_size_m: np.ndarray

    @property
    def half_height_m(self) -> float:
        """From the belt to the centre."""
        return float(self.half_size_m[2])

    @property
    def half_width_m(self) -> float:
        """Of the narrower side."""
        return float(min(self.half_size_m[:2]))


def load_objects(file: Path) -> tuple[GazeboObject, ...]:
    """The objects that the world is made with."""
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))["objects"]
    return tuple(GazeboObject(row["name"], 0.5 * np.array(row["size_m"])) for row in rows)


class PoseHistory:
    """The newest samples of one model's position (3,) and orientation (x, y, z, w)."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, np.ndarray, np.ndarray]] = deque(maxlen=HISTORY)

    def add(self, stamp_s: float, position: np.ndarray, orientation: np.ndarray) -> None:
        """Take a sample; one that is not newer than the last starts a new history."""
        if self._samples and stamp_s <= self._samples[-1][0]:
            self._samples.clear()
        self._samples.append((stamp_s, np.asarray(position), np.asarray(orientation)))

    @property
    def newest_s(self) -> float:
        """Stamp of the newest sample; minus infinity without any."""
        return self._samples[-1][0] if self._samples else -np.inf

    @property
    def oldest_s(self) -> float:
        """Stamp of the oldest sample that is kept; infinity without any."""
        return self._samples[0][0] if self._samples else np.inf

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Position and rotation matrix (3, 3), time_s within the history, or its nearest end.

        Raises:
            LookupError: there is no sample yet.
        """
        if not self._samples:
            raise LookupError("no pose yet")
        before = after = self._samples[0]
        for after in self._samples:
            if after[0] >= time_s:
                break
            before = after
        span_s, way = after[0] - before[0], after[1] - before[1]
        if span_s <= 0.0 or np.linalg.norm(way) > MOTION_MAX_M:
            return after[1], rotation_matrix(after[2])
        share = min(max((time_s - before[0]) / span_s, 0.0), 1.0)
        other = after[2] if after[2] @ before[2] >= 0.0 else -after[2]
        return before[1] + share * way, rotation_matrix((1.0 - share) * before[2] + share * other)


class GroundTruth:
    """The robot's and the objects' poses, at any instant that all of them have reached."""

    def __init__(self, objects: Iterable[GazeboObject]) -> None:
        self.objects = tuple(objects)
        self.robot = PoseHistory()
        self.histories = {item.name: PoseHistory() for item in self.objects}

    @property
    def complete_until_s(self) -> float:
        """The latest instant of which everything is known; minus infinity before there is one."""
        return min(history.newest_s for history in self._all())

    @property
    def complete_from_s(self) -> float:
        """The earliest instant of which everything is known; infinity before there is one."""
        return max(history.oldest_s for history in self._all())

    def _all(self) -> tuple[PoseHistory, ...]:
        return (self.robot, *self.histories.values())

    def to_base(self, point: np.ndarray, time_s: float) -> np.ndarray:
        """A point (3,) of the world in base_link."""
        position, rotation = self.robot.at(time_s)
        return (point - position) @ rotation

    def base_pose(self, time_s: float) -> np.ndarray:
        """(x m, y m, yaw rad) of base_link in the world."""
        position, rotation = self.robot.at(time_s)
        return np.array((*position[:2], np.arctan2(rotation[1, 0], rotation[0, 0])))

    def states(self, time_s: float) -> tuple[ObjectState, ...]:
        """All objects at time_s, positions in base_link; object_id is the place in the list."""
        states = []
        for index, item in enumerate(self.objects):
            centre, _ = self.histories[item.name].at(time_s)
            on_belt = lies_on_belt(centre, item.half_height_m)
            base = self.to_base(centre, time_s)
            states.append(ObjectState(index, base, item.half_height_m, on_belt))
        return tuple(states)


def rotation_matrix(orientation: np.ndarray) -> np.ndarray:
    """Of a quaternion (x, y, z, w) of any length but zero, (3, 3)."""
    x, y, z, w = orientation / np.linalg.norm(orientation)
    return np.array(
        (
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        )
    )
