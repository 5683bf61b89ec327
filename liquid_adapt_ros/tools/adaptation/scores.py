"""Errors of predictions on a recorded stream, by phase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.hindsight import ObjectTrack, TrackLimits
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.tools.adaptation.disturbances import CHANGE_S, END_S, RETURN_S
from liquid_adapt_ros.tools.adaptation.streams import Stream
from liquid_adapt_ros.tools.in_process_fusion import TICK_S

# Before the first of these seconds the hidden state settles and nothing is scored.
PHASES: dict[str, tuple[float, float]] = {
    "before": (2.0, CHANGE_S),
    "0-5 s": (CHANGE_S, CHANGE_S + 5.0),
    "5-30 s": (CHANGE_S + 5.0, CHANGE_S + 30.0),
    "30-60 s": (CHANGE_S + 30.0, RETURN_S),
    "disturbed": (CHANGE_S, RETURN_S),
    "return 0-5 s": (RETURN_S, RETURN_S + 5.0),
    "after": (RETURN_S + 5.0, END_S),
    "all": (2.0, END_S),
}


class StreamScore:
    """Which samples of a stream count, and what should have been said there.

    A sample counts where one and the same object was observed from shortly before it until one
    horizon after it, as the live score has it; the error is taken against the truth, not against
    the detector.

    Args:
        stream: as recorded, its detections unaltered.
        spec, norm: of the policy.
    """

    def __init__(self, stream: Stream, spec: PolicySpec, norm: dict[str, NDArray[np.float32]]):
        ahead = round(spec.horizon_s / TICK_S)
        self._truth = np.full((len(stream), 3), np.nan)
        self._truth[:-ahead] = stream.target[ahead:]
        track = ObjectTrack(TrackLimits(), history_s=2.0 * END_S)
        detections = zip(stream.detection_stamp_ns.tolist(), stream.detection, strict=True)
        for stamp_ns, position in detections:
            track.observe(stamp_ns, position)
        labels = track.labels(stream.stamp_ns, spec.horizon_s)
        self.counts = labels.known & stream.usable & np.isfinite(self._truth[:, 0])
        self._slices = spec.layout.slices()
        self._mean = norm["norm.output_mean"].astype(np.float64)
        self._scale = norm["norm.output_scale"].astype(np.float64)
        self._velocity = stream.action[:, self._slices["joint_velocity"]]

    def position_error_m(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """(T,) distance from the truth; NaN where a sample does not count."""
        part = self._slices["position"]
        said = self._mean[part] + self._scale[part] * outputs[:, part]
        error = np.linalg.norm(said - self._truth, axis=1)
        return np.where(self.counts, error, np.nan)

    def action_error_rad_s(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """(T,) root mean squared difference of joint velocities from the planner's."""
        part = self._slices["joint_velocity"]
        said = self._mean[part] + self._scale[part] * outputs[:, part]
        return np.sqrt(np.mean(np.square(said - self._velocity), axis=1))


def by_phase(error: NDArray[np.float64]) -> dict[str, float]:
    """Root mean square of the errors of each phase; NaN where there is none."""
    return {name: rms(error[_ticks(start, end)]) for name, (start, end) in PHASES.items()}


def rms(error: NDArray[np.float64]) -> float:
    """Root mean square of what is not NaN; NaN of nothing."""
    known = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(np.square(known)))) if len(known) else float("nan")


def _ticks(start_s: float, end_s: float) -> slice:
    return slice(round(start_s / TICK_S), round(end_s / TICK_S))
