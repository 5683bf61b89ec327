"""What one run left behind, as plain lists that the recorder appends to.

Stamps and arrival times are whole nanoseconds; stamps count in simulated time, arrivals in the
wall-clock time at which DDS received the message.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

NANOSECONDS = 1_000_000_000
SETTLING_S = 1.0


class JointStateArrival(NamedTuple):
    """One joint_states message."""

    stamp_ns: int
    arrival_ns: int


class FusedSample(NamedTuple):
    """One fused_state message; features: the normalised feature vector (F,)."""

    stamp_ns: int
    arrival_ns: int
    features: Any


class Action(NamedTuple):
    """One policy_action message; predicted_position: (x, y, z) in base_link [m]."""

    stamp_ns: int
    arrival_ns: int
    predicted_position: tuple[float, float, float]
    horizon_s: float
    weight_version: int

    @property
    def predicts(self) -> bool:
        """Whether there is a prediction: a stop on unusable input has none (NaN)."""
        return all(map(math.isfinite, self.predicted_position))


class Detection(NamedTuple):
    """One object_pose message: the observed target (x, y, z) in base_link [m]."""

    stamp_ns: int
    position: tuple[float, float, float]


class TrainerStatus(NamedTuple):
    """The figures of one adaptation_status message that the demo shows."""

    stamp_ns: int
    adapted_rmse_m: float
    frozen_rmse_m: float
    gain_percent: float
    weight_version: int
    accepted: int
    rejected: int
    rolled_back: int
    reason: str


Arrived = TypeVar("Arrived", JointStateArrival, FusedSample, Action)


@dataclass
class Recording:
    """Every message of a run that the report needs; truth: the decoded JSON of sim/truth."""

    joint_states: list[JointStateArrival] = field(default_factory=list)
    fused: list[FusedSample] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    status: list[TrainerStatus] = field(default_factory=list)

    @property
    def time_s(self) -> float:
        """Stamp of the newest joint_states message [s of simulated time]; 0 before the first."""
        return self.joint_states[-1].stamp_ns / NANOSECONDS if self.joint_states else 0.0

    def settled(self, messages: Sequence[Arrived]) -> list[Arrived]:
        """Those of `messages` that arrived SETTLING_S after the simulator's first or later.

        Before, nodes still find each other, and lnn_inference reports that it has no input.
        """
        if not self.joint_states:
            return []
        start_ns = self.joint_states[0].arrival_ns + round(SETTLING_S * NANOSECONDS)
        return [message for message in messages if message.arrival_ns >= start_ns]


def rate_hz(messages: Sequence[Arrived]) -> float:
    """Messages per second of wall-clock time, from their arrival times; 0 for fewer than two."""
    if len(messages) < 2 or messages[-1].arrival_ns <= messages[0].arrival_ns:
        return 0.0
    return (len(messages) - 1) * NANOSECONDS / (messages[-1].arrival_ns - messages[0].arrival_ns)


def real_time_factor(joint_states: list[JointStateArrival]) -> float:
    """Simulated time over wall-clock time between the first and the last; 0 for fewer than two."""
    if len(joint_states) < 2:
        return 0.0
    first, last = joint_states[0], joint_states[-1]
    return (last.stamp_ns - first.stamp_ns) / max(last.arrival_ns - first.arrival_ns, 1)


def latencies_ms(
    joint_states: Iterable[JointStateArrival], actions: Iterable[Action]
) -> NDArray[np.float64]:
    """Wall-clock time from a joint_states message to the action that answers its stamp [ms].

    Both are taken on arrival in the recorder, so that one transport delay is in and one is out.
    Actions without a joint_states message of their stamp are left out.
    """
    arrivals = {sample.stamp_ns: sample.arrival_ns for sample in joint_states}
    return np.array(
        [
            (action.arrival_ns - arrivals[action.stamp_ns]) / 1e6
            for action in actions
            if action.stamp_ns in arrivals
        ]
    )
