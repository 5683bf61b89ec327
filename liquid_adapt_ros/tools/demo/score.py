"""Position errors of the adapted and of the frozen network, recomputed from the recording.

The report does not take the trainer's word for its own gain. The adapted network's predictions are
those that lnn_inference published; the frozen network's are made here by the shipped weights, fed
with the same fused_state samples in the same order; both are compared with the same hindsight
labels, made from the detector's object_pose. A sample counts only where all three exist.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.hindsight import ObjectTrack, TrackLimits
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.tools.demo.recording import (
    NANOSECONDS,
    Action,
    Detection,
    FusedSample,
    Recording,
)


@dataclass(frozen=True)
class ErrorSeries:
    """Errors of the two networks' predictions on the same samples, in order of time.

    Attributes:
        time_s: (N,) when each prediction was made [s of simulated time].
        adapted_m: (N,) distance of the adapted network's prediction from the label [m].
        frozen_m: (N,) the same of the frozen network [m].
    """

    time_s: NDArray[np.float64]
    adapted_m: NDArray[np.float64]
    frozen_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_s)

    def between(self, start_s: float, end_s: float) -> "ErrorSeries":
        """The samples of predictions made in [start_s, end_s)."""
        chosen = (self.time_s >= start_s) & (self.time_s < end_s)
        return ErrorSeries(self.time_s[chosen], self.adapted_m[chosen], self.frozen_m[chosen])

    @property
    def adapted_rmse_m(self) -> float:
        """Root of the mean squared error of the adapted network [m]; NaN without samples."""
        return _rms(self.adapted_m)

    @property
    def frozen_rmse_m(self) -> float:
        """Root of the mean squared error of the frozen network [m]; NaN without samples."""
        return _rms(self.frozen_m)

    @property
    def gain_percent(self) -> float:
        """Fall of the error, 100 (1 - adapted / frozen) [%]; NaN without samples."""
        if not self.frozen_rmse_m > 0.0:
            return float("nan")
        return 100.0 * (1.0 - self.adapted_rmse_m / self.frozen_rmse_m)


def score(recording: Recording, frozen: StreamingPolicy) -> ErrorSeries:
    """The errors of every scorable prediction of a run.

    Args:
        recording: the run.
        frozen: the shipped network in its initial state; it is stepped through the run.
    """
    frozen_positions = _frozen_positions(recording.fused, frozen)
    actions = [a for a in recording.actions if a.predicts and a.stamp_ns in frozen_positions]
    if not actions or not recording.detections:
        return ErrorSeries(np.empty(0), np.empty(0), np.empty(0))
    stamps_ns = np.array([action.stamp_ns for action in actions], np.int64)
    labels = _track(recording.detections).labels(stamps_ns, actions[0].horizon_s)
    adapted = np.array([action.predicted_position for action in actions])
    frozen_array = np.array([frozen_positions[stamp] for stamp in stamps_ns.tolist()])
    known = labels.known
    return ErrorSeries(
        time_s=stamps_ns[known] / NANOSECONDS,
        adapted_m=np.linalg.norm(adapted[known] - labels.position[known], axis=1),
        frozen_m=np.linalg.norm(frozen_array[known] - labels.position[known], axis=1),
    )


def applied_updates(actions: list[Action]) -> list[tuple[float, int]]:
    """(time [s], version) of the first action of each new weight version after version 0."""
    updates, version = [], 0
    for action in actions:
        if action.weight_version != version:
            version = action.weight_version
            updates.append((action.stamp_ns / NANOSECONDS, version))
    return updates


def _frozen_positions(
    fused: list[FusedSample], frozen: StreamingPolicy
) -> dict[int, NDArray[np.float64]]:
    positions: dict[int, NDArray[np.float64]] = {}
    previous_ns: int | None = None
    for sample in fused:
        if previous_ns is not None and sample.stamp_ns <= previous_ns:
            continue
        step_s = frozen.spec.step_s
        if previous_ns is not None:
            step_s = (sample.stamp_ns - previous_ns) / NANOSECONDS
        features = np.asarray(sample.features, np.float32)
        positions[sample.stamp_ns] = frozen.step(features, step_s).position
        previous_ns = sample.stamp_ns
    return positions


def _track(detections: list[Detection]) -> ObjectTrack:
    span_s = (detections[-1].stamp_ns - detections[0].stamp_ns) / NANOSECONDS
    track = ObjectTrack(TrackLimits(), history_s=span_s + 1.0)
    newest_ns = -1
    for detection in detections:
        if detection.stamp_ns > newest_ns:
            track.observe(detection.stamp_ns, detection.position)
            newest_ns = detection.stamp_ns
    return track


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
