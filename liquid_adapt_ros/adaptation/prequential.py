"""Prequential score: predict, score when the truth is known, only then learn.

The adapted network's predictions are those that were really published before their label
existed; the frozen network's are made on the same samples. Both errors are taken over exactly
the same samples, so that the gain compares like with like. (Dawid 1984, "Present position and
potential developments: the prequential approach".)
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.hindsight import ObjectTrack
from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS


@dataclass(frozen=True)
class Score:
    """Errors of both networks over the same samples; NaN over no sample.

    Attributes:
        adapted_rmse_m: sqrt of the mean squared Euclidean position error of the adapted [m].
        frozen_rmse_m: the same of the frozen network [m].
        samples: number of samples scored.
        span_s: time from the oldest to the newest of them [s].
        newest_ns: stamp of the newest of them [ns].
    """

    adapted_rmse_m: float = float("nan")
    frozen_rmse_m: float = float("nan")
    samples: int = 0
    span_s: float = 0.0
    newest_ns: int = 0

    @property
    def gain_percent(self) -> float:
        """Fall of the error, 100 (1 - adapted / frozen) [%]; NaN over no sample."""
        if not self.frozen_rmse_m > 0.0:
            return float("nan")
        return 100.0 * (1.0 - self.adapted_rmse_m / self.frozen_rmse_m)


class PrequentialScore:
    """Scores pairs of predictions as their hindsight labels become known.

    Args:
        horizon_s: how far ahead both networks predict [s].
        span_s: length of the sliding score [s].
        max_pending: predictions kept while they wait for a label or for their twin.
    """

    def __init__(self, horizon_s: float, span_s: float, max_pending: int = 500):
        self._horizon_s = horizon_s
        self._horizon_ns = round(horizon_s * NANOSECONDS)
        self._span_ns = round(span_s * NANOSECONDS)
        self._max_pending = max_pending
        self._adapted: dict[int, NDArray[np.float64]] = {}
        self._frozen: dict[int, NDArray[np.float64]] = {}
        self._recent: deque[tuple[int, float, float]] = deque()
        self._totals = np.zeros(2)
        self._count = 0
        self._first_ns = self._last_ns = 0

    def predict_adapted(self, stamp_ns: int, position: ArrayLike) -> None:
        """Note the published prediction (3,) [m] for the sample at `stamp_ns`."""
        self._remember(self._adapted, stamp_ns, position)

    def predict_frozen(self, stamp_ns: int, position: ArrayLike) -> None:
        """Note the frozen network's prediction (3,) [m] for the sample at `stamp_ns`."""
        self._remember(self._frozen, stamp_ns, position)

    def settle(self, track: ObjectTrack) -> int:
        """Score every pair whose label is known now; returns how many were scored.

        A sample whose horizon the detections have passed is settled for good: scored, or
        dropped because no single object was observed over it.
        """
        settled_ns = track.settled_ns - self._horizon_ns
        stamps = sorted(s for s in self._adapted if s <= settled_ns and s in self._frozen)
        labels = track.labels(np.array(stamps, np.int64), self._horizon_s)
        for stamp_ns, label, known in zip(stamps, labels.position, labels.known, strict=True):
            adapted, frozen = self._adapted.pop(stamp_ns), self._frozen.pop(stamp_ns)
            if known:
                self._add(stamp_ns, _squared(adapted - label), _squared(frozen - label))
        return int(labels.known.sum())

    def sliding(self) -> Score:
        """Score over the last `span_s` of scored samples."""
        if not self._recent:
            return Score()
        errors = np.array([row[1:] for row in self._recent])
        return _score(errors.sum(axis=0), len(errors), self._recent[0][0], self._recent[-1][0])

    def cumulative(self) -> Score:
        """Score over every sample since the start."""
        return _score(self._totals, self._count, self._first_ns, self._last_ns)

    def forget_recent(self) -> None:
        """Drop what is pending and the sliding score (the clock jumped); totals stay."""
        self._adapted.clear()
        self._frozen.clear()
        self._recent.clear()

    def _remember(
        self, pending: dict[int, NDArray[np.float64]], stamp_ns: int, position: ArrayLike
    ) -> None:
        point = np.asarray(position, np.float64)
        if point.shape != (3,) or not np.isfinite(point).all():
            raise ValueError(f"a prediction needs three finite coordinates, got {position}")
        pending[stamp_ns] = point
        if len(pending) > self._max_pending:
            del pending[next(iter(pending))]

    def _add(self, stamp_ns: int, adapted_m2: float, frozen_m2: float) -> None:
        self._recent.append((stamp_ns, adapted_m2, frozen_m2))
        while stamp_ns - self._recent[0][0] > self._span_ns:
            self._recent.popleft()
        if self._count == 0:
            self._first_ns = stamp_ns
        self._last_ns = stamp_ns
        self._totals += (adapted_m2, frozen_m2)
        self._count += 1


def _squared(difference: NDArray[np.float64]) -> float:
    return float(difference @ difference)


def _score(totals_m2: NDArray[np.float64], count: int, oldest_ns: int, newest_ns: int) -> Score:
    if count == 0:
        return Score()
    adapted, frozen = np.sqrt(totals_m2 / count)
    span_s = (newest_ns - oldest_ns) / NANOSECONDS
    return Score(float(adapted), float(frozen), count, span_s, newest_ns)
