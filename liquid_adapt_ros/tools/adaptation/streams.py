"""Recorded sensor streams: what fusion, detector and planner said in an episode, tick by tick.

The planner drives, so that every method sees the same stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.sim.randomisation import sample_nominal
from liquid_adapt_ros.sim.samples import TickResult
from liquid_adapt_ros.tools.adaptation.disturbances import Disturbance
from liquid_adapt_ros.tools.in_process_fusion import TICK_S, InProcessFusion, PictureEncoder


@dataclass(frozen=True)
class Stream:
    """One episode of T ticks (100 Hz) with D detections.

    Attributes:
        stamp_ns: (T,) stamp of each fused state [ns].
        features: (T, F) normalised.
        usable: (T,) whether fusion calls the sample usable for learning.
        camera_age_s: (T,) how old the picture in it is [s]; inf before the first.
        action: (T, A) what the planner wanted, in the order of the policy's action outputs.
        target_id: (T,) id of the target, -1 for none.
        target: (T, 3) true position of the target in base_link [m]; NaN for none.
        belt_speed: (T,) [m/s].
        detection_stamp_ns: (D,) when the target was observed [ns].
        detection_tick: (D,) tick in which the detection became available.
        detection: (D, 3) observed position in base_link [m].
    """

    stamp_ns: NDArray[np.int64]
    features: NDArray[np.float32]
    usable: NDArray[np.bool_]
    camera_age_s: NDArray[np.float32]
    action: NDArray[np.float32]
    target_id: NDArray[np.int64]
    target: NDArray[np.float32]
    belt_speed: NDArray[np.float32]
    detection_stamp_ns: NDArray[np.int64]
    detection_tick: NDArray[np.int64]
    detection: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **{item.name: getattr(self, item.name) for item in fields(self)})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Stream:
        """Read a file that `save` wrote."""
        with np.load(path) as arrays:
            return cls(**arrays)

    def __len__(self) -> int:
        return len(self.stamp_ns)

    def until(self, tick: int) -> Stream:
        """What there was of it before a tick."""
        seen = self.detection_tick < tick
        return Stream(
            **{
                item.name: getattr(self, item.name)[
                    seen if item.name.startswith("detection") else slice(tick)
                ]
                for item in fields(self)
            }
        )


def disturbed_episode(
    disturbance: Disturbance, seed: int, twins: Sequence[Disturbance] = ()
) -> Episode:
    """The episode of a disturbance and a seed: nominal ranges, then the change, then back.

    twins: disturbances that leave the world the same, of the robot's twins.
    """
    rng = np.random.default_rng(seed)
    config, seed = sample_nominal(rng), int(rng.integers(2**31))
    return Episode(config, seed, disturbance.scenario(), [item.scenario() for item in twins])


def record_streams(
    disturbances: Sequence[Disturbance],
    seed: int,
    model: PolicyModel,
    encoder_path: Path,
    duration_s: float,
) -> list[Stream]:
    """Run an episode with the planner driving and keep what the learning nodes would get.

    disturbances: of one world; there is a stream of each.
    """
    episode = disturbed_episode(disturbances[0], seed, disturbances[1:])
    encoder = PictureEncoder(OnnxEncoder(encoder_path))
    recorders = [_Recorder(InProcessFusion(model, encoder)) for _ in disturbances]
    for index in range(round(duration_s / TICK_S)):
        for recorder, tick in zip(recorders, episode.tick_all(), strict=True):
            recorder.take(index, tick)
    return [recorder.stream() for recorder in recorders]


class _Recorder:
    def __init__(self, fusion: InProcessFusion):
        self._fusion = fusion
        self._rows: list[tuple] = []
        self._detections: list[tuple] = []

    def take(self, index: int, tick: TickResult) -> None:
        truth, planned = tick.truth, tick.planner
        known = truth.target_id is not None
        self._rows.append(
            (
                round(tick.time_s * NANOSECONDS),
                *self._fusion.tick(tick),
                [*planned.joint_velocity, *planned.base_twist, planned.gripper],
                truth.target_id if known else -1,
                truth.target_position if known else np.full(3, np.nan),
                truth.belt_speed_m_s,
            )
        )
        if tick.detection is not None:
            stamp_ns = round(tick.detection.stamp_s * NANOSECONDS)
            self._detections.append((stamp_ns, index, tick.detection.position))

    def stream(self) -> Stream:
        columns = zip(*self._rows, strict=True)
        stamp_ns, features, usable, camera_age_s, action, target_id, target, belt_speed = columns
        detection_stamp_ns, detection_tick, detection = zip(*self._detections, strict=True)
        return Stream(
            stamp_ns=np.array(stamp_ns, np.int64),
            features=np.array(features, np.float32),
            usable=np.array(usable),
            camera_age_s=np.array(camera_age_s, np.float32),
            action=np.array(action, np.float32),
            target_id=np.array(target_id, np.int64),
            target=np.array(target, np.float32),
            belt_speed=np.array(belt_speed, np.float32),
            detection_stamp_ns=np.array(detection_stamp_ns, np.int64),
            detection_tick=np.array(detection_tick, np.int64),
            detection=np.array(detection, np.float32),
        )
